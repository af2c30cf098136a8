//! Readers read in their own language: by member, then form or page, then browser, then site.

use serde_json::json;

use crate::story;
use crate::support::people::Person;

impl Person {
    async fn reads(&self, path: &str, accept: &str) -> (String, String) {
        let answer = self.request(reqwest::Method::GET, path, &[("accept-language", accept)], None).await;
        (answer.header("content-language").to_owned(), answer.body)
    }
}

story! {
    async fn a_page_follows_its_address_then_the_browser_then_the_site(world: World, with |settings| settings.language = readership::texts::Language::French) {
        let reader = world.visitor();
        for (path, accept, language, heading) in [
            ("members/signin/", "", "fr", "Connexion"),
            ("members/signin/", "nl,pt", "fr", "Connexion"),
            ("members/signin/", "nl,de-AT;q=0.8,en;q=0.3", "de", "Anmelden"),
            ("members/signin/?lang=es", "de", "es", "Iniciar sesión"),
            ("members/signin/?lang=xx", "de", "de", "Anmelden"),
            ("members/signin/?lang=ar", "de", "ar", "تسجيل الدخول"),
        ] {
            let (shown, body) = reader.reads(path, accept).await;
            assert_eq!(shown, language, "{path} {accept}");
            assert!(body.contains(&format!("<h1>{heading}</h1>")), "{body}");
        }
        let (_, arabic) = reader.reads("members/signin/?lang=ar", "").await;
        assert!(arabic.contains("<html lang=\"ar\" dir=\"rtl\">"));
        assert!(arabic.contains("action=\"/members/signin/?lang=ar\"") && arabic.contains("href=\"/members/signup/?lang=ar\""));
        let (_, missing) = reader.reads("members/nowhere/?lang=de", "").await;
        assert!(missing.contains("<h1>Hier ist nichts</h1>") && missing.contains("lang=\"de\""), "{missing}");
        let site = reader.get("members/api/site/").await.json();
        assert_eq!(site["site"]["locale"], "fr");
    }
}

story! {
    async fn a_form_says_its_language_and_everything_after_it_follows(world: World) {
        let ada = world.visitor();
        let answer = ada.asks_with("signup", "ada@example.org", &[("lang", "de"), ("then", "wait")]).await;
        assert_eq!(answer.location(), "/members/waiting/?lang=de");
        let mail = world.nth_mail("ada@example.org", 1).await;
        assert_eq!(mail.subject(), "Bestätigen Sie Ihren Beitritt bei REX Wire");
        assert!(mail.html().contains("<html lang=\"de\" dir=\"ltr\">") && mail.text().contains("Der Link funktioniert einmal"));
        let elsewhere = world.visitor();
        let page = elsewhere.opens(&mail.link().unwrap()).await;
        assert!(page.body.contains("<h1>Bei REX Wire mitmachen</h1>"), "{}", page.body);
        ada.opens(&mail.link().unwrap()).await.lands_on_own("members-signup-ok");
        // The words that were shown are the words that are kept.
        assert_eq!(world.count("consent_texts", "text LIKE 'Mit dem Beitritt sind Sie einverstanden%'").await, 1);
        assert_eq!(world.count("members", "language = 'de'").await, 1);
        // From now on the member's own language counts, whatever the browser prefers.
        assert_eq!(ada.reads("members/account/", "fr").await.0, "de");
        assert_eq!(ada.reads("members/signin/", "fr").await.0, "de");
        assert_eq!(world.visitor().reads("members/signin/", "fr").await.0, "fr");
    }
}

story! {
    async fn what_is_wrong_is_said_in_the_language_of_the_form(world: World) {
        let answer = world.visitor().asks_with("subscribe", "nowhere", &[("lang", "ar")]).await;
        assert_eq!(answer.status, 422);
        assert!(answer.body.contains("dir=\"rtl\"") && answer.body.contains("لا يبدو هذا عنوان بريد إلكتروني"), "{}", answer.body);
        assert!(answer.body.contains("value=\"nowhere\"") && answer.body.contains("type=\"email\" dir=\"ltr\""));
        let answer = world.visitor().asks_with("subscribe", "a@example.org", &[("lang", "es"), ("newsletter", "Nada")]).await;
        assert!(answer.body.contains("No existe ningún boletín llamado Nada"), "{}", answer.body);
    }
}

story! {
    async fn the_interface_takes_the_language_of_page_or_browser(world: World) {
        world.visitor().asks_by_api(json!({"email": "one@example.org", "emailType": "signup", "lang": "es"})).await;
        assert_eq!(world.nth_mail("one@example.org", 1).await.subject(), "Confirme su registro en REX Wire");
        let two = world.visitor();
        let token = two.integrity_token().await;
        let body = json!({"email": "two@example.org", "emailType": "subscribe", "integrityToken": token}).to_string();
        let headers = [("content-type", "application/json"), ("accept-language", "ar-EG,en;q=0.5")];
        two.request(reqwest::Method::POST, "members/api/send-magic-link/", &headers, Some(body)).await;
        let mail = world.nth_mail("two@example.org", 1).await;
        assert_eq!(mail.subject(), "أكّد اشتراكك في REX Wire");
        assert!(mail.html().contains("dir=\"rtl\""));
        // Errors of the interface stay in the words that its clients match.
        let error = two.posts_json("members/api/send-magic-link/", &json!({})).await;
        assert_eq!(error.json()["errors"][0]["message"], "The request could not be understood.");
    }
}
