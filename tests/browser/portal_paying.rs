//! Ghost's widget, unmodified, where something is sold: buying, another card, another plan, an end and no
//! end after all.

use crate::chromium::Chromium;
use crate::on_both;
use crate::portal_site::{PortalReader, PortalSite};

/// Types a card on the page of the stand-in and presses its button.
async fn types_card(page: &Chromium, number: &str) {
    page.waits_for("#card").await;
    page.types("#card", number).await;
    page.clicks("button.main").await;
}

async fn comes_back(reader: &PortalReader<'_>) {
    let site = reader.site.url.clone();
    reader.browser.until("back at the site", async |page| page.address().await.starts_with(&site)).await;
    reader.is_ready().await;
}

/// Signs somebody up for nothing, through the widget; the mail is followed in the same browser.
async fn free_member<'a>(site: &'a PortalSite, email: &str) -> PortalReader<'a> {
    let reader = site.reader().await;
    reader.goes("#/portal/signup").await;
    reader.types("name", "Ada Lovelace").await;
    reader.types("email", email).await;
    reader.presses_at("(//button[contains(.,'Choose')])[1]").await;
    reader.sees("Now check your email!").await;
    reader.opens(&site.mail(email, 1).await.link().unwrap()).await;
    comes_back(&reader).await;
    reader
}

impl PortalSite {
    async fn subscription(&self) -> serde_json::Value {
        self.stripe.as_ref().unwrap().all("subscription").pop().expect("somebody has bought")
    }

    async fn becomes(&self, what: &str, is_so: impl Fn(&serde_json::Value) -> bool) {
        self.world.until(what, async |_| is_so(&self.subscription().await)).await;
    }
}

on_both! {
    async fn a_theme_sells_by_its_attributes(engine) {
        let site = PortalSite::selling(engine).await;
        let ada = free_member(&site, "ada@reader.test").await;
        ada.goes("").await;
        ada.is_bound().await;
        ada.browser.clicks("#buy").await;
        types_card(&ada.browser, "4242424242424242").await;
        comes_back(&ada).await;
        assert_eq!(site.world.count("members", "status = 'paid'").await, 1);
        let id = site.subscription().await["id"].as_str().unwrap().to_owned();
        site.knows_subscription(&id);

        // Another card, by Stripe's own script; left, and typed.
        ada.goes("").await;
        ada.is_bound().await;
        ada.browser.clicks("#edit-billing").await;
        ada.browser.waits_for("#card").await;
        ada.browser.clicks("a.back").await;
        comes_back(&ada).await;
        assert!(ada.browser.address().await.contains("stripe=billing-update-cancel"));
        ada.goes("").await;
        ada.is_bound().await;
        ada.browser.clicks("#edit-billing").await;
        types_card(&ada.browser, "5555555555554444").await;
        comes_back(&ada).await;
        // The widget takes the query away and says it in its popup.
        ada.sees("Billing info updated successfully").await;

        ada.goes("").await;
        ada.is_bound().await;
        ada.browser.clicks("#manage-billing").await;
        ada.browser.until("the portal", async |page| page.address().await.contains("/p/session/")).await;
        ada.browser.clicks("a.back").await;
        comes_back(&ada).await;

        ada.goes("").await;
        ada.is_bound().await;
        ada.browser.clicks("#cancel").await;
        site.becomes("it ends", |one| one["cancel_at_period_end"] == true).await;
        ada.goes("").await;
        ada.is_bound().await;
        ada.browser.clicks("#continue").await;
        site.becomes("it goes on", |one| one["cancel_at_period_end"] == false).await;
        ada.close().await;
    }
}

on_both! {
    async fn the_widget_changes_ends_and_continues_a_plan(engine) {
        let site = PortalSite::selling(engine).await;
        let ada = free_member(&site, "ada@reader.test").await;
        ada.goes("").await;
        ada.is_bound().await;
        ada.browser.clicks("#buy").await;
        types_card(&ada.browser, "4242424242424242").await;
        comes_back(&ada).await;

        ada.goes("#/portal/account").await;
        ada.sees("$5.00/month").await;
        ada.sees("**** **** **** 4242").await;
        ada.presses("Change").await;
        ada.sees("Change plan").await;
        ada.browser.pictures("portal-plans").await;
        ada.presses_at("(//button[contains(.,'Choose')])[last()]").await;
        ada.presses("Confirm").await;
        site.becomes("Patron", |one| one["items"]["data"][0]["price"]["unit_amount"] != 500).await;
        ada.goes("#/portal/account/plans").await;
        ada.presses("Cancel subscription").await;
        ada.presses("Confirm cancellation").await;
        site.becomes("it ends", |one| one["cancel_at_period_end"] == true).await;
        ada.goes("#/portal/account").await;
        ada.presses("Resume subscription").await;
        site.becomes("it goes on", |one| one["cancel_at_period_end"] == false).await;
        ada.close().await;
    }
}

on_both! {
    async fn a_visitor_buys_through_the_widget(engine) {
        let site = PortalSite::selling(engine).await;
        let new = site.reader().await;
        new.goes("#/portal/signup").await;
        new.types("name", "Grace Hopper").await;
        new.types("email", "grace@reader.test").await;
        new.presses_at("(//button[contains(.,'Choose')])[2]").await;
        types_card(&new.browser, "4242424242424242").await;
        comes_back(&new).await;
        new.is_told("Success! Check your email for magic link to sign-in.").await;
        new.opens(&site.mail("grace@reader.test", 1).await.link().unwrap()).await;
        // Another browser than the one that asked counts as any: the page asks.
        new.browser.clicks("main button").await;
        comes_back(&new).await;
        assert_eq!(site.world.count("members", "status = 'paid' AND name = 'Grace Hopper'").await, 1);
        new.close().await;
    }
}
