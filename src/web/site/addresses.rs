//! Forms and pages for readers: every address of them.

use super::account::{data, devices, email, language, leaving, newsletters, overview, plan, plan_cancel, plan_change};
use super::{
    assets, billing, checkout, forms, link_page, signout, stripe_return, undo_page, unsubscribe_page, waiting_page,
};
use crate::web::operations::{About, Body, Holds, Operation, Verb, operation};
use crate::web::stripe_webhook;

/// Every address.
pub fn operations() -> Vec<Operation> {
    use Body::{Form, Signed};
    use Holds::{Events, File, Nothing, Page, Script, Text};
    use Verb::{Get, Head, Post};
    const ASKING: &[&str] = &["email", "name", "newsletter", "label", "return_to", "then", "lang", "website"];
    let show = |summary| About::page(summary).asks(&["lang"]).gives(200, Page);
    // To where it goes on, or the page once more with what is wrong.
    let send = |summary, fields| {
        About::page(summary).takes(Form(fields)).gives(303, Nothing).gives(200, Page).refuses(&[400, 403, 422, 429])
    };
    // A page for whoever is signed in, and for others the way to it.
    let own = |summary| About::page(summary).asks(&["lang", "done"]).gives(200, Page).gives(303, Nothing);
    let own_form = |summary, fields| send(summary, fields).refuses(&[401]);
    vec![
        operation(Head, "/members", link_page::peek, show("Alike for every link, and without effect")),
        operation(
            Get,
            "/members",
            link_page::show,
            show("The page of a link")
                .asks(&["token", "action", "r", "otc_verification", "lang"])
                .gives(303, Nothing)
                .gives(302, Nothing)
                .refuses(&[404, 410]),
        ),
        operation(
            Post,
            "/members",
            link_page::confirm,
            send("Its button", &["token", "r", "where", "number"]).refuses(&[409, 410]),
        ),
        operation(
            Post,
            "/members/resend",
            link_page::resend,
            send("Another mail in the place of a dead link", &["token", "r"]).refuses(&[410]),
        ),
        operation(
            Get,
            "/members/subscribe",
            forms::subscribe,
            show("A form to subscribe").asks(&["lang", "email", "return_to"]),
        ),
        operation(Post, "/members/subscribe", forms::post_subscribe, send("Asks for a link", ASKING)),
        operation(
            Get,
            "/members/signup",
            forms::signup,
            show("A form to sign up").asks(&["lang", "email", "return_to"]),
        ),
        operation(Post, "/members/signup", forms::post_signup, send("Asks for a link", ASKING)),
        operation(
            Get,
            "/members/signin",
            forms::signin,
            show("A form to sign in").asks(&["lang", "email", "return_to"]),
        ),
        operation(Post, "/members/signin", forms::post_signin, send("Asks for a link", ASKING)),
        operation(Get, "/members/signout", signout::show, show("Asks before it signs out").gives(303, Nothing)),
        operation(Post, "/members/signout", signout::sign_out, send("Signs out", &["all", "return_to"])),
        operation(
            Get,
            "/members/waiting",
            waiting_page::show,
            show("Waits for a link to be opened elsewhere").asks(&["code", "lang"]).gives(303, Nothing),
        ),
        operation(
            Get,
            "/members/waiting/events",
            waiting_page::events,
            About::page("One event when the page has something else to show")
                .gives(200, Events)
                .gives(204, Nothing)
                .refuses(&[404]),
        ),
        operation(
            Post,
            "/members/code",
            waiting_page::code,
            send("The code of a mail, typed in the browser that asked", &["code"]).refuses(&[410]),
        ),
        operation(
            Get,
            "/members/undo",
            undo_page::show,
            show("What undoing a change of address will do").asks(&["change", "key", "lang"]).refuses(&[404, 410]),
        ),
        operation(Post, "/members/undo", undo_page::undo, send("Undoes it", &["change", "key"]).refuses(&[404, 410])),
        operation(
            Get,
            "/unsubscribe",
            unsubscribe_page::show,
            show("Asks before it unsubscribes")
                .asks(&["uuid", "key", "newsletter", "comments", "updatesandannouncements"])
                .gives(302, Nothing)
                .gives(303, Nothing)
                .gives(400, Text)
                .refuses(&[400, 404]),
        ),
        operation(
            Post,
            "/unsubscribe",
            unsubscribe_page::leave,
            send("Unsubscribes, by the page's button or by one click (RFC 8058)", &["what", "List-Unsubscribe"])
                .asks(&["uuid", "key", "newsletter", "comments", "updatesandannouncements"])
                .gives(201, Nothing)
                .gives(400, Nothing)
                .refuses(&[404]),
        ),
        operation(Get, "/members/account", overview::show, own("The own account")),
        operation(Post, "/members/account", overview::rename, own_form("Another name", &["name"])),
        operation(Get, "/members/account/newsletters", newsletters::show, own("Newsletters")),
        operation(
            Post,
            "/members/account/newsletters",
            newsletters::choose,
            own_form("Chooses newsletters", &["newsletter", "pause"]),
        ),
        operation(Get, "/members/account/language", language::show, own("Language")),
        operation(Post, "/members/account/language", language::choose, own_form("Chooses a language", &["language"])),
        operation(Get, "/members/account/email", email::show, own("Address")),
        operation(Post, "/members/account/email", email::change, own_form("Asks for another address", &["email"])),
        operation(Get, "/members/account/devices", devices::show, own("Where one is signed in")),
        operation(
            Post,
            "/members/account/devices",
            devices::sign_out,
            own_form("Signs out elsewhere", &["device", "others"]),
        ),
        operation(Get, "/members/account/data", data::show, own("What is stored")),
        operation(
            Get,
            "/members/account/data/readership.json",
            data::download,
            own("The same as a file").gives(200, File).refuses(&[401, 403]),
        ),
        operation(Get, "/members/account/delete", leaving::show, own("Leaving")),
        operation(Post, "/members/account/delete", leaving::leave, own_form("Leaves, or stays", &["stay"])),
        operation(Get, "/members/account/plan", plan::show, own("The plan").refuses(&[404])),
        operation(
            Get,
            "/members/account/plan/change",
            plan_change::show,
            own("What another plan would cost").asks(&["subscription", "plan", "lang"]).refuses(&[404]),
        ),
        operation(
            Post,
            "/members/account/plan/change",
            plan_change::change,
            own_form("Changes the plan", &["subscription", "plan", "at"]).refuses(&[404]),
        ),
        operation(
            Get,
            "/members/account/plan/cancel",
            plan_cancel::show,
            own("Asks before it ends a plan").asks(&["subscription", "lang"]).refuses(&[404]),
        ),
        operation(
            Post,
            "/members/account/plan/cancel",
            plan_cancel::cancel,
            own_form("Ends a plan, or takes up an offer", &["subscription", "reason", "offer"]).refuses(&[404]),
        ),
        operation(
            Post,
            "/members/account/plan/resume",
            plan_cancel::resume,
            own_form("Lets a plan go on", &["subscription"]).refuses(&[404]),
        ),
        operation(
            Post,
            "/members/account/plan/portal",
            plan::portal,
            own_form("Stripe's own page about a plan", &[]).refuses(&[404]),
        ),
        operation(
            Get,
            "/members/checkout",
            checkout::show,
            show("What one can be")
                .asks(&["tier", "cadence", "offer", "return_to", "lang"])
                .gives(303, Nothing)
                .refuses(&[404]),
        ),
        operation(
            Post,
            "/members/checkout",
            checkout::buy,
            send("Goes to Stripe to pay", &["tier", "cadence", "plan", "offer", "donation", "email", "return_to"])
                .refuses(&[404]),
        ),
        operation(
            Get,
            "/members/checkout/return",
            stripe_return::come_back,
            show("The way back from Stripe").asks(&["session_id"]).gives(303, Nothing).refuses(&[404]),
        ),
        operation(
            Get,
            "/members/billing",
            billing::show,
            own("The page for another card").asks(&["notice", "key", "lang"]).refuses(&[404]),
        ),
        operation(
            Post,
            "/members/billing",
            billing::change_card,
            own_form("Goes to Stripe for another card", &["subscription", "notice", "key", "return_to"])
                .refuses(&[404]),
        ),
        operation(
            Get,
            "/members/billing/return",
            stripe_return::come_back,
            show("The way back from Stripe").asks(&["session_id"]).gives(303, Nothing).refuses(&[404]),
        ),
        operation(
            Post,
            "/members/webhooks/stripe",
            stripe_webhook::receive,
            About::page("What Stripe tells")
                .takes(Signed)
                .gives(200, Nothing)
                .gives(400, Nothing)
                .gives(404, Nothing)
                .gives(413, Nothing)
                .gives(503, Nothing),
        ),
        operation(
            Get,
            "/members/footer.js",
            assets::footer_script,
            About::page("A footer without a reload").gives(200, Script),
        ),
    ]
}
