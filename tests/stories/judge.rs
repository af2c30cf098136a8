//! Stripe's own SDK as the judge: it drives the stand-in, and its types are held against every call that
//! this program makes.

use std::path::{Path, PathBuf};
use std::process::Command;

use readership::billing::stripe::api_version;
use readership::sandbox::stripe::Call;
use serde_json::{Value, json};

use crate::paying;
use crate::support::shop::{DECLINED_LATER, GOOD, OTHER};

fn packages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/npm")
}

/// Copies a script beside the packages it wants, under a name of this test's own.
fn beside_packages(script: &str, name: &str) -> PathBuf {
    let path = packages().join(name);
    std::fs::write(&path, script).expect("the packages are installed; `./test` sees to it");
    path
}

fn runs(command: &mut Command) -> String {
    let output = command.current_dir(packages()).output().expect("node is installed; `./test` sees to it");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    said
}

paying! {
    async fn the_stand_in_does_what_stripes_sdk_expects(shop: Shop) {
        let name = format!("judge-{}-{:?}.mjs", std::process::id(), shop.engine);
        let script = beside_packages(include_str!("../npm/judge.mjs"), &name);
        let base = shop.settings.stripe.as_ref().unwrap().api_base.to_string();
        let judging = tokio::task::spawn_blocking(move || {
            let said = runs(Command::new("node").arg(&script).arg(&base).arg(api_version()));
            std::fs::remove_file(script).unwrap();
            said
        });
        assert!(judging.await.unwrap().contains("judged"));
    }
}

/// The type of the SDK that says what a call may hold.
fn type_of(call: &Call) -> &'static str {
    let parts: Vec<&str> = call.path.trim_start_matches("/v1/").split('/').collect();
    match (call.method.as_str(), parts.as_slice()) {
        ("POST", ["products"]) => "Stripe.ProductCreateParams",
        ("POST", ["prices"]) => "Stripe.PriceCreateParams",
        ("GET", ["prices"]) => "Stripe.PriceListParams",
        ("POST", ["prices", _]) => "Stripe.PriceUpdateParams",
        ("POST", ["coupons"]) => "Stripe.CouponCreateParams",
        ("POST", ["customers"]) => "Stripe.CustomerCreateParams",
        ("POST", ["customers", _]) => "Stripe.CustomerUpdateParams",
        ("GET", ["customers", _]) => "Stripe.CustomerRetrieveParams",
        ("POST", ["checkout", "sessions"]) => "Stripe.Checkout.SessionCreateParams",
        ("GET", ["checkout", "sessions", _]) => "Stripe.Checkout.SessionRetrieveParams",
        ("POST", ["checkout", "sessions", _, "expire"]) => "Stripe.Checkout.SessionExpireParams",
        ("POST", ["billing_portal", "sessions"]) => "Stripe.BillingPortal.SessionCreateParams",
        ("GET", ["subscriptions"]) => "Stripe.SubscriptionListParams",
        ("POST", ["subscriptions", _]) => "Stripe.SubscriptionUpdateParams",
        ("DELETE", ["subscriptions", _]) => "Stripe.SubscriptionCancelParams",
        ("DELETE", ["subscriptions", _, "discount"]) => "Stripe.SubscriptionDeleteDiscountParams",
        ("GET", ["charges"]) => "Stripe.ChargeListParams",
        ("GET", ["charges", _]) => "Stripe.ChargeRetrieveParams",
        ("GET", ["invoices"]) => "Stripe.InvoiceListParams",
        ("POST", ["invoices", "create_preview"]) => "Stripe.InvoiceCreatePreviewParams",
        ("POST", ["invoices", _, "pay"]) => "Stripe.InvoicePayParams",
        ("GET", ["events"]) => "Stripe.EventListParams",
        ("GET", ["balance"]) => "Stripe.BalanceRetrieveParams",
        ("GET", ["webhook_endpoints"]) => "Stripe.WebhookEndpointListParams",
        ("POST", ["webhook_endpoints"]) => "Stripe.WebhookEndpointCreateParams",
        ("DELETE", ["webhook_endpoints", _]) => "Stripe.WebhookEndpointDeleteParams",
        ("POST", ["webhook_endpoints", _]) => "Stripe.WebhookEndpointUpdateParams",
        other => panic!("a call that nobody judges: {other:?}"),
    }
}

/// A form has only texts; the types want numbers and booleans. Metadata are texts.
fn typed(value: &Value, name: &str) -> Value {
    match value {
        Value::Object(map) if name == "metadata" => Value::Object(map.clone()),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(name, value)| (name.clone(), typed(value, name))).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(|value| typed(value, name)).collect()),
        Value::String(text) => match (text.parse::<i64>(), text.as_str()) {
            (Ok(number), _) => json!(number),
            (_, "true") => json!(true),
            (_, "false") => json!(false),
            _ => match text.parse::<f64>() {
                Ok(number) => json!(number),
                Err(_) => value.clone(),
            },
        },
        other => other.clone(),
    }
}

paying! {
    async fn every_call_fits_the_types_of_stripes_sdk(shop: Shop, with |settings| {
        settings.donations = Some("usd:500".parse().unwrap());
    }) {
        // Everything that is ever said to Stripe.
        let stay = shop.offers("stay", 50, "retention", "repeating", Some(2)).await;
        shop.offers("spring", 20, "signup", "once", None).await;
        let ada = shop.payer("ada@reader.test", DECLINED_LATER).await;
        let id = shop.subscription(&ada).await["id"].as_str().unwrap().to_owned();
        let session = shop.goes_to_stripe(&ada, "members/billing/", &[]).await;
        shop.stripe.pays(&session, "", OTHER).unwrap();
        shop.comes_back(&ada, &session).await;
        let offer = stay.to_string();
        ada.posts("members/account/plan/cancel/", &[("subscription", &id), ("offer", &offer)]).await;
        let plan = format!("{}/year", shop.patron);
        ada.get(&format!("members/account/plan/change/?subscription={id}&plan={plan}")).await;
        ada.posts("members/account/plan/change/", &[("subscription", &id), ("plan", &plan)]).await;
        ada.posts("members/account/plan/cancel/", &[("subscription", &id), ("reason", "Too dear")]).await;
        ada.posts("members/account/plan/resume/", &[("subscription", &id)]).await;
        ada.get("members/account/plan/").await;
        ada.posts("members/account/plan/portal/", &[]).await;
        let bob = shop.member("bob@reader.test").await;
        bob.posts("members/checkout/", &[("offer", "spring")]).await;
        shop.buys(&bob, &[("tier", "patron"), ("cadence", "month")], GOOD).await;
        let id = shop.subscription(&bob).await["id"].as_str().unwrap().to_owned();
        let plan = format!("{}/month", shop.gold);
        bob.get(&format!("members/account/plan/change/?subscription={id}&plan={plan}")).await;
        bob.posts("members/account/plan/change/", &[("subscription", &id), ("plan", &plan)]).await;
        shop.visitor().posts("members/checkout/", &[("donation", "yes"), ("email", "giver@reader.test")]).await;
        // Owed, and ended at once; owed, and paid with another card.
        let eve = shop.payer("eve@reader.test", DECLINED_LATER).await;
        let dan = shop.payer("dan@reader.test", DECLINED_LATER).await;
        shop.settles().await;
        shop.after_days(32).await;
        let id = shop.subscription(&eve).await["id"].as_str().unwrap().to_owned();
        assert_eq!(shop.puts(&eve, &id, json!({"smart_cancel": true})).await.status, 204);
        let session = shop.goes_to_stripe(&dan, "members/billing/", &[]).await;
        shop.stripe.pays(&session, "", GOOD).unwrap();
        shop.comes_back(&dan, &session).await;
        let charge = shop.stripe.all("charge")[0]["id"].as_str().unwrap().to_owned();
        shop.stripe.dispute(&charge);
        shop.settles().await;
        let billing = shop.app().billing.clone().unwrap();
        let (gold, now) = (shop.gold, shop.clock.now());
        shop.app()
            .db
            .write(move |conn| {
                let wishes = readership::billing::tiers::Wishes { monthly_minor: Some(900), ..Default::default() };
                readership::billing::tiers::edit(conn, gold, &wishes, now).unwrap();
                Ok(())
            })
            .await
            .unwrap();
        billing.archive_old_prices().await.unwrap();
        billing.reconcile(|_| {}).await.unwrap();
        for endpoint in billing.stripe.webhook_endpoints().await.unwrap() {
            billing.stripe.delete_webhook_endpoint(&endpoint.id).await.unwrap();
        }
        billing.register_webhook().await.unwrap();
        billing.register_webhook().await.unwrap();
        billing.check_webhook().await.unwrap().unwrap();
        billing.stripe.check_key().await.unwrap();

        let calls = shop.stripe.calls();
        let mut seen = std::collections::BTreeSet::new();
        let mut text = String::from("import Stripe from 'stripe';\n");
        for (number, call) in calls.iter().enumerate() {
            assert_eq!(call.version.as_deref(), Some(api_version()), "{call:?}");
            assert!(call.method != "POST" || call.key.as_ref().is_some_and(|key| key.len() <= 255), "no key: {call:?}");
            let kind = type_of(call);
            let params = if call.params.is_object() { typed(&call.params, "") } else { json!({}) };
            let line = format!("const c{number}: {kind} = {params};\n");
            // The same words again say nothing new.
            let words = line.split_once(':').unwrap().1.to_owned();
            if seen.insert(words) {
                text.push_str(&line);
            }
            seen.insert(kind.to_owned());
        }
        text.push_str("export {};\n");
        for kind in ["ProductCreate", "PriceCreate", "PriceUpdate", "CouponCreate", "CustomerCreate", "CustomerUpdate",
            "Checkout.SessionCreate", "Checkout.SessionExpire", "BillingPortal", "SubscriptionUpdate", "SubscriptionCancel",
            "SubscriptionDeleteDiscount", "InvoicePay", "InvoiceCreatePreview", "EventList", "WebhookEndpointCreate"] {
            assert!(seen.iter().any(|one| one.contains(kind)), "nothing was said of {kind}");
        }
        let name = format!("calls-{}-{:?}.ts", std::process::id(), shop.engine);
        let script = beside_packages(&text, &name);
        let checking = tokio::task::spawn_blocking(move || {
            let options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--moduleResolution", "nodenext"];
            runs(Command::new("node").arg("node_modules/typescript/bin/tsc").args(options).arg(&script));
            // A wrong word is found: this test can fail.
            std::fs::write(&script, "import Stripe from 'stripe';\nconst c: Stripe.ProductCreateParams = {\"nam\": 1};\nexport {c};\n").unwrap();
            let wrong = Command::new("node")
                .current_dir(packages())
                .arg("node_modules/typescript/bin/tsc")
                .args(options)
                .arg(&script)
                .output()
                .unwrap();
            assert!(!wrong.status.success());
            std::fs::remove_file(script).unwrap();
        });
        checking.await.unwrap();
    }
}
