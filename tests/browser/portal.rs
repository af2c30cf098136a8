//! Ghost's widget, unmodified: what it offers, used as readers use it.

use crate::on_both;
use crate::portal_site::{PortalReader, PortalSite};

/// Signs somebody up through the widget, and follows the mail in the same browser.
async fn signed_up<'a>(site: &'a PortalSite, email: &str) -> PortalReader<'a> {
    let reader = site.reader().await;
    reader.goes("#/portal/signup").await;
    reader.types("name", "Ada Lovelace").await;
    reader.types("email", email).await;
    reader.presses("Sign up").await;
    reader.sees("Now check your email!").await;
    reader.opens(&site.mail(email, 1).await.link().unwrap()).await;
    reader.is_told("You've successfully subscribed to REX Wire").await;
    reader
}

on_both! {
    async fn a_reader_signs_up_with_name_and_newsletters(engine) {
        let site = PortalSite::open(engine).await;
        let now = site.world.clock.now();
        site.world.app().db.write(move |conn| readership::newsletters::add(conn, "Sunday", None, now)).await.unwrap();
        let ada = site.reader().await;
        ada.browser.clicks("#open-signup").await;
        ada.types("name", "Ada Lovelace").await;
        ada.types("email", "ada@reader.test").await;
        ada.presses("Sign up").await;
        ada.sees("Choose your newsletters").await;
        // The second one is switched off.
        ada.presses_at("(//*[@data-testid='toggle-wrapper'])[2]//*[contains(@class,'switch')]//span").await;
        ada.presses("Continue").await;
        ada.sees("Now check your email!").await;
        ada.opens(&site.mail("ada@reader.test", 1).await.link().unwrap()).await;
        ada.is_told("You've successfully subscribed to REX Wire").await;
        assert!(ada.browser.address().await.starts_with(&site.url));

        assert_eq!(site.world.count("members", "name = 'Ada Lovelace' AND email = 'ada@reader.test'").await, 1);
        assert_eq!(site.world.count("newsletter_subscriptions", "1 = 1").await, 1);
        ada.close().await;
    }
}

on_both! {
    async fn a_member_keeps_their_account(engine) {
        let site = PortalSite::open(engine).await;
        let ada = signed_up(&site, "ada@reader.test").await;
        ada.goes("#/portal/account").await;
        ada.sees("Your account").await;
        ada.sees("Ada Lovelace").await;

        // Another name.
        ada.presses_at("//*[@data-test-button='edit-profile']").await;
        ada.sees("Account settings").await;
        ada.types("name", "Countess").await;
        ada.presses("Save").await;
        ada.sees("Account details updated successfully").await;
        assert_eq!(site.world.count("members", "name = 'Countess'").await, 1);

        // The one newsletter, off and on again.
        ada.goes("#/portal/account").await;
        ada.presses_at("//*[contains(@class,'gh-portal-for-switch')]//span[contains(@class,'input-toggle-component')]").await;
        ada.sees("Unsubscribed").await;
        site.world.until("off the list", async |world| world.count("newsletter_subscriptions", "1 = 1").await == 0).await;
        ada.goes("#/portal/account/newsletters").await;
        ada.presses_at("//*[contains(@class,'gh-portal-for-switch')]//span[contains(@class,'input-toggle-component')]").await;
        site.world.until("on the list", async |world| world.count("newsletter_subscriptions", "1 = 1").await == 1).await;
        ada.presses("Unsubscribe from all emails").await;
        site.world.until("off again", async |world| world.count("newsletter_subscriptions", "1 = 1").await == 0).await;

        // Another address, proved by its link in the same browser.
        ada.goes("#/portal/account/profile").await;
        ada.types("email", "countess@reader.test").await;
        ada.presses("Save").await;
        ada.sees("Check your inbox to verify email update").await;
        ada.opens(&site.mail("countess@reader.test", 1).await.link().unwrap()).await;
        ada.is_told("Success! Your email is updated.").await;
        ada.goes("#/portal/account").await;
        ada.sees("countess@reader.test").await;
        assert_eq!(site.world.count("members", "email = 'countess@reader.test'").await, 1);
        ada.close().await;
    }
}

on_both! {
    async fn signing_in_by_link_and_by_code_and_out_again(engine) {
        let site = PortalSite::open(engine).await;
        let ada = signed_up(&site, "ada@reader.test").await;
        ada.goes("#/portal/account").await;
        ada.presses("Sign out").await;
        site.world.until("signed out", async |world| world.count("sessions", "1 = 1").await == 0).await;

        // By the link of the mail.
        ada.goes("").await;
        ada.browser.clicks("#open-signin").await;
        ada.types("email", "ada@reader.test").await;
        ada.presses("Continue").await;
        ada.sees("Now check your email!").await;
        let mail = site.mail("ada@reader.test", 3).await;
        ada.opens(&mail.link().unwrap()).await;
        ada.is_told("Welcome back, Ada!").await;
        ada.is_told("You've successfully signed in.").await;

        // In a second browser, by the code.
        let phone = site.reader().await;
        phone.goes("#/portal/signin").await;
        phone.types("email", "ada@reader.test").await;
        phone.presses("Continue").await;
        phone.sees("Click the link inside or enter your code below").await;
        let subject = site.mail("ada@reader.test", 4).await.subject();
        let code = subject.split_once(' ').unwrap().0.to_owned();
        let wrong = if code == "111111" { "222222" } else { "111111" };
        phone.types("otc", wrong).await;
        phone.sees("Invalid verification code").await;
        phone.types("otc", &code).await;
        phone.is_told("You've successfully signed in.").await;

        // Out everywhere, from there.
        phone.goes("#/portal/account/profile").await;
        phone.sees("Account settings").await;
        phone.goes("#/portal/account/newsletters/help").await;
        site.world.until("both are here", async |world| world.count("sessions", "1 = 1").await == 2).await;
        phone.browser.asks_page("return fetch('/members/api/session/', {method: 'DELETE', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({all: true})}).then(r => r.status)").await;
        site.world.until("both are gone", async |world| world.count("sessions", "1 = 1").await == 0).await;
        ada.goes("#/portal/account").await;
        ada.sees("Sign in").await;
        ada.close().await;
        phone.close().await;
    }
}

on_both! {
    async fn addresses_of_the_site_open_what_they_name(engine) {
        let site = PortalSite::open(engine).await;
        let reader = site.reader().await;
        for (path, words) in [
            ("#/portal", "Sign up"),
            ("#/portal/signup", "Sign up"),
            ("#/portal/signup/free", "Sign up"),
            ("#/portal/signin", "Sign in"),
            ("#/portal/account", "Sign in"),
            ("#/portal/account/newsletters", "Sign in"),
            ("#/portal/support", "This site is not accepting donations at the moment."),
            ("#/portal/recommendations", "no recommendations are available"),
            ("#/portal/nowhere", "Sign up"),
        ] {
            reader.goes(path).await;
            reader.sees(words).await;
        }
        reader.close().await;
        let ada = signed_up(&site, "ada@reader.test").await;
        for (path, words) in [
            ("#/portal", "Your account"),
            ("#/portal/signup", "Your account"),
            ("#/portal/account/profile", "Account settings"),
            ("#/portal/account/newsletters", "Email preferences"),
            ("#/portal/account/newsletters/help", "I'm not receiving emails"),
            ("#/portal/account/plans", "no paid plans are available"),
        ] {
            ada.goes(path).await;
            ada.sees(words).await;
        }
        for (query, words) in [
            ("?action=signin&success=true", "Welcome back, Ada!"),
            ("?action=signin&success=false", "Could not sign in. Login link expired."),
            ("?action=signup&success=true", "You've successfully subscribed to REX Wire"),
            ("?action=signup&success=false", "Signup error: Invalid link"),
            ("?action=updateEmail&success=true", "Success! Your email is updated."),
            ("?action=updateEmail&success=false", "Could not update email! Invalid link."),
            ("?action=subscribe&success=true", "Success"),
            ("?action=subscribe&success=false", "Error"),
            ("?stripe=success", "Success! Your account is fully activated"),
        ] {
            ada.goes(query).await;
            ada.is_told(words).await;
        }
        ada.close().await;
    }
}

on_both! {
    async fn a_link_that_ended_comes_back_with_its_notice(engine) {
        let site = PortalSite::open(engine).await;
        let ada = site.reader().await;
        ada.goes("#/portal/signup").await;
        ada.types("name", "Ada").await;
        ada.types("email", "ada@reader.test").await;
        ada.presses("Sign up").await;
        let link = site.mail("ada@reader.test", 1).await.link().unwrap();
        site.world.clock.advance(std::time::Duration::from_secs(86_400));
        ada.opens(&link).await;
        // The page of a link that ended offers a new mail, and leads back to the widget's notice.
        ada.browser.clicks("main button").await;
        ada.is_told("Signup error: Invalid link").await;
        ada.opens(&site.mail("ada@reader.test", 2).await.link().unwrap()).await;
        ada.is_told("You've successfully subscribed to REX Wire").await;
        ada.close().await;
    }
}

on_both! {
    async fn unsubscribing_from_a_mail_through_the_widget(engine) {
        let site = PortalSite::open(engine).await;
        let ada = signed_up(&site, "ada@reader.test").await;
        ada.close().await;
        let text = site.mail("ada@reader.test", 2).await.text();
        let link = text.split_whitespace().find(|word| word.contains("/unsubscribe/?")).unwrap().to_owned();
        let reader = site.reader().await;
        reader.opens(&link).await;
        reader.sees("a***@r***.test will no longer receive REX Wire newsletter.").await;
        assert!(!reader.popup().await.contains("ada@reader.test"), "whoever holds a mail learns no address");
        site.world.until("off the list", async |world| world.count("newsletter_subscriptions", "1 = 1").await == 0).await;
        // A bent link changes nothing and says so.
        reader.opens(&link.replace("key=", "key=0")).await;
        reader.sees("That didn't go to plan").await;
        reader.close().await;
    }
}

on_both! {
    async fn the_forms_of_a_theme_are_driven_by_the_widget(engine) {
        let site = PortalSite::open(engine).await;
        let now = site.world.clock.now();
        site.world.app().db.write(move |conn| readership::newsletters::add(conn, "Sunday", None, now)).await.unwrap();
        let ada = site.reader().await;
        // Handlers are bound once the widget has everything it asked for.
        let class = async |form: &str| ada.browser.find(form).await.attr("class").await.unwrap().unwrap_or_default();
        ada.browser.types("#signup [data-members-email]", "ada@reader.test").await;
        ada.browser.types("#signup [data-members-name]", "Ada Lovelace").await;
        ada.browser.clicks("#signup [value=Sunday]").await;
        ada.browser.clicks("#signup button").await;
        ada.browser.until("the form succeeds", async |_| class("#signup").await.contains("success")).await;
        ada.opens(&site.mail("ada@reader.test", 1).await.link().unwrap()).await;
        ada.is_told("You've successfully subscribed to REX Wire").await;
        assert_eq!(site.world.count("labels", "name = 'From the theme'").await, 1);
        let sunday = "newsletter_id IN (SELECT id FROM newsletters WHERE name = 'Sunday')";
        assert_eq!(site.world.count("newsletter_subscriptions", sunday).await, 1);
        assert_eq!(site.world.count("newsletter_subscriptions", "1 = 1").await, 1);

        ada.goes("").await;
        ada.is_bound().await;
        ada.browser.clicks("#signout").await;
        site.world.until("signed out", async |world| world.count("sessions", "1 = 1").await == 0).await;

        // With a code: the widget opens by itself to take it.
        ada.goes("").await;
        ada.is_bound().await;
        ada.browser.types("#signin [data-members-email]", "ada@reader.test").await;
        ada.browser.clicks("#signin button").await;
        ada.sees("Now check your email!").await;
        let subject = site.mail("ada@reader.test", 3).await.subject();
        ada.types("otc", subject.split_once(' ').unwrap().0).await;
        ada.is_told("You've successfully signed in.").await;

        // What is wrong is said in the form's own place.
        ada.goes("").await;
        ada.is_bound().await;
        ada.browser.types("#signup [data-members-email]", "nobody@localhost").await;
        ada.browser.clicks("#signup button").await;
        ada.browser.until("the form fails", async |_| class("#signup").await.contains("error")).await;
        assert_eq!(ada.browser.text("#signup [data-members-error]").await, "Failed to send magic link email");
        ada.close().await;
    }
}

on_both! {
    async fn the_widget_shows_the_servers_own_words_where_it_knows_them(engine) {
        let site = PortalSite::limited(engine).await;
        let reader = site.reader().await;
        for number in 0..2 {
            reader.goes("#/portal/signin").await;
            reader.types("email", &format!("reader{number}@reader.test")).await;
            reader.presses("Continue").await;
            if number == 0 {
                reader.sees("Now check your email!").await;
            }
        }
        reader.sees("Too many different sign-in attempts, try again in 1 minutes").await;
        reader.close().await;
    }
}
