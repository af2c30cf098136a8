//! Whether Stripe is set up well: for `readership doctor stripe` and the pages of staff.

use super::stripe::StripeError;
use super::{Billing, inbox, reconcile};
use crate::findings::Finding;

/// What the key must be allowed to do, and how that shows.
async fn check_scopes(billing: &Billing) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut missing = Vec::new();
    // An object that is not there says that one may look for it.
    let nobody = "cus_readership_doctor";
    let looks: [(&str, Result<(), StripeError>); 4] = [
        ("Customers: read and write", billing.stripe.customer(nobody).await.map(drop)),
        ("Subscriptions: read and write", billing.stripe.subscriptions_of(nobody).await.map(drop)),
        ("Charges: read", billing.stripe.charges_of(nobody).await.map(drop)),
        ("Events: read", billing.stripe.newest_event().await.map(drop)),
    ];
    for (scope, looked) in looks {
        match looked {
            Err(StripeError::Refused(refusal)) if matches!(refusal.status, 401 | 403) => missing.push(scope),
            Err(StripeError::Away(why)) => findings.push(Finding::Fault(format!("Stripe cannot be reached: {why}"))),
            _ => {}
        }
    }
    findings.push(if missing.is_empty() {
        Finding::Good("the key may read what it must".to_owned())
    } else {
        Finding::Fault(format!("the key lacks permissions; give it at Stripe: {}", missing.join("; ")))
    });
    findings
}

/// The most that the clocks may differ: signatures are good for five minutes.
const MOST_SKEW_S: i64 = 60;

/// Looks at the key, the webhook, the clocks, the inbox and the last comparison.
pub async fn check(billing: &Billing) -> Vec<Finding> {
    if let Err(error) = billing.stripe.check_key().await {
        let hint = match &error {
            StripeError::Refused(refusal) if refusal.status == 401 => "; copy the key from Stripe's dashboard again",
            StripeError::Refused(refusal) if refusal.status == 403 => "",
            _ => "; is there a way out to api.stripe.com?",
        };
        // A restricted key need not see the balance.
        if !matches!(&error, StripeError::Refused(refusal) if refusal.status == 403) {
            return vec![Finding::Fault(format!("{error}{hint}"))];
        }
    }
    let mut findings = vec![Finding::Good("Stripe answers, and knows the key".to_owned())];
    findings.extend(check_scopes(billing).await);
    findings.push(match billing.check_webhook().await {
        Ok(Ok(good)) => Finding::Good(good),
        Ok(Err(wrong)) => Finding::Fault(wrong),
        Err(error) => Finding::Advice(format!("the webhook endpoint could not be looked at: {error}")),
    });
    match billing.stripe.server_time().await {
        Ok(Some(theirs)) => {
            let skew = billing.now().seconds() - theirs;
            findings.push(if skew.abs() <= MOST_SKEW_S {
                Finding::Good("this machine and Stripe agree about the time".to_owned())
            } else {
                Finding::Fault(format!("this machine's clock is {skew} s off Stripe's: events will be refused; set it"))
            });
        }
        Ok(None) => findings.push(Finding::Advice("Stripe did not say what time it is".to_owned())),
        Err(error) => findings.push(Finding::Advice(format!("Stripe's time could not be read: {error}"))),
    }
    let depth = billing.db.read(inbox::depth).await.unwrap_or_default();
    findings.push(match depth.newest {
        Some(at) => Finding::Good(format!("the last event arrived on {at}, {} wait", depth.waiting)),
        None => Finding::Advice("no event has arrived yet".to_owned()),
    });
    if depth.parked > 0 {
        findings.push(Finding::Fault(format!(
            "{} events could not be worked off; see the log, then `readership billing retry`",
            depth.parked
        )));
    }
    let compared = billing.db.read(reconcile::last).await.ok().flatten();
    findings.push(match compared {
        Some((at, customers, drift)) => {
            Finding::Good(format!("compared with Stripe on {at}: {drift} of {customers} customers differed"))
        }
        None => Finding::Advice("never compared with Stripe: `readership billing reconcile` does it".to_owned()),
    });
    findings
}
