//! A member signs in by a link in a mail.

use serde_json::json;

use crate::story;

story! {
    async fn a_member_signs_in_on_another_device(world: World) {
        world.member("ada@example.org").await;
        let phone = world.visitor();
        phone.asks("signin", "ada@example.org").await.lands_on("members-pending");
        phone.opens(&world.nth_link("ada@example.org", 2).await).await.lands_on("members-signin-ok");
        assert_eq!(phone.record().await.unwrap()["email"], "ada@example.org");
    }
}

story! {
    async fn an_unknown_address_gets_the_same_answer_and_no_mail(world: World) {
        world.member("ada@example.org").await;
        let known = world.visitor().asks("signin", "ada@example.org").await;
        let unknown = world.visitor().asks("signin", "nobody@example.org").await;
        assert_eq!(known.status, unknown.status);
        assert_eq!(known.body, unknown.body);
        let names = |answer: &crate::support::people::Answer| {
            let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
            names.sort();
            names
        };
        assert_eq!(names(&known), names(&unknown));
        assert_eq!(known.location(), unknown.location());
        world.outbox_settles().await;
        assert_eq!(world.mailbox.to("nobody@example.org").len(), 0);
        assert_eq!(world.count("outbox", "state = 'withheld'").await, 1);
    }
}

story! {
    async fn signing_up_with_a_known_address_signs_in(world: World) {
        world.member("ada@example.org").await;
        let ada = world.visitor();
        ada.asks("signup", "ADA@example.org").await.lands_on("members-pending");
        let mail = world.nth_mail("ada@example.org", 2).await;
        assert_eq!(mail.subject(), "Sign in to REX Wire");
        ada.opens(&mail.link().unwrap()).await.lands_on("members-signin-ok");
        assert_eq!(world.count("members", "1 = 1").await, 1);
    }
}

story! {
    /// Two asked-for links of one sign-up: the second finds an account, and changes nothing of it.
    async fn the_second_link_of_a_sign_up_signs_in(world: World) {
        let ada = world.visitor();
        ada.asks("signup", "ada@example.org").await;
        let first = world.nth_link("ada@example.org", 1).await;
        ada.asks("signup", "ada@example.org").await;
        let second = world.nth_link("ada@example.org", 2).await;
        ada.opens(&first).await.lands_on("members-signup-ok");
        let lists = async || world.count("newsletter_subscriptions", "1 = 1").await;
        assert_eq!(lists().await, 1);
        world.app().db.write(|conn| readership::db::execute(conn, "DELETE FROM newsletter_subscriptions")).await.unwrap();
        ada.opens(&second).await.lands_on("members-signin-ok");
        assert_eq!(lists().await, 0, "whoever left a list is not put on it again");
        assert_eq!(world.count("members", "1 = 1").await, 1);
    }
}

story! {
    async fn a_browser_that_is_signed_in_as_somebody_else_is_asked(world: World) {
        let bob = world.member("bob@example.org").await;
        world.member("ada@example.org").await;
        // Asked for in Bob's very browser: even then nobody is swapped without being asked.
        bob.asks("signin", "ada@example.org").await;
        let link = world.nth_link("ada@example.org", 2).await;
        let page = bob.opens(&link).await;
        page.is_page_with_button(200);
        assert!(page.body.contains("b***@e***.org") && page.body.contains("a***@e***.org"), "{}", page.body);
        assert_eq!(bob.record().await.unwrap()["email"], "bob@example.org");
        let before = bob.copy();
        bob.presses("members/", &link).await.lands_on("members-signin-ok");
        assert_eq!(bob.record().await.unwrap()["email"], "ada@example.org");
        assert!(before.record().await.is_none(), "the session that was there has ended");
    }
}

story! {
    async fn look_alikes_never_share_an_account(world: World) {
        world.member("kay@example.org").await;
        // The Kelvin sign is a K under compatibility: the same person, mailed where the account is.
        let other = world.visitor();
        other.asks("signin", "\u{212A}ay@example.org").await.lands_on("members-pending");
        world.nth_mail("kay@example.org", 2).await;
        for impostor in ["k\u{0430}y@example.org", "kay+1@example.org", "k.ay@example.org"] {
            world.visitor().asks("signin", impostor).await;
        }
        world.outbox_settles().await;
        assert_eq!(world.mailbox.count(), 2);
    }
}

story! {
    async fn what_a_client_must_not_say_plays_no_part(world: World) {
        let victim = world.member("victim@example.org").await;
        let ada = world.visitor();
        ada.asks_by_api(json!({
            "email": "ada@example.org", "emailType": "signup", "oldEmail": "victim@example.org", "status": "paid",
            "id": "5f9c1e0a2b3c4d5e6f708192", "email_disabled": true, "type": "updateEmail", "member_id": "x",
        })).await;
        ada.opens(&world.newest_link("ada@example.org").await).await;
        assert_eq!(ada.record().await.unwrap()["status"], "free");
        assert_eq!(victim.record().await.unwrap()["email"], "victim@example.org");
    }
}
