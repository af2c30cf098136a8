use proptest::prelude::*;
use readership::members::address::EmailAddress;
use unicode_normalization::UnicodeNormalization;

fn atom() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9!#$%&'*/=?^_`{|}~-]{1,12}"
}

fn plausible() -> impl Strategy<Value = (String, String)> {
    let local = (prop::collection::vec(atom(), 1..4), prop::option::of(atom()))
        .prop_map(|(atoms, tag)| atoms.join(".") + &tag.map_or(String::new(), |tag| format!("+{tag}")));
    (local, "([a-z0-9]([a-z0-9]{0,8}[a-z0-9])?\\.){1,2}(example|test|org)")
}

/// Text near an address: what gets typed, pasted and tried.
fn near() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "\\PC{0,20}@\\PC{0,20}",
        "[a-zA-Z0-9.@+<>,;:\"\\\\ \\r\\n\\t\u{0}\u{200b}\u{202e}äßﬁＡı-]{0,40}",
        plausible().prop_map(|(local, domain)| format!("{local}@{domain}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plausible_address_is_taken((local, domain) in plausible()) {
        let address = EmailAddress::parse(&format!("{local}@{domain}")).unwrap();
        prop_assert_eq!(address.as_given(), format!("{local}@{domain}"));
    }

    #[test]
    fn no_text_is_more_than_refused(text in near()) {
        if let Ok(address) = EmailAddress::parse(&text) {
            // What is accepted can stand in a header and in an SMTP command as it is.
            let given = address.as_given();
            prop_assert!(given.is_ascii() && !given.bytes().any(|byte| byte.is_ascii_control() || b" <>,;:\"\\()".contains(&byte)), "{given}");
            prop_assert_eq!(given.matches('@').count(), 1);
            prop_assert!(given.len() <= 254);
        }
    }

    /// Normalising is done once and for all: whatever form comes back in is the same person.
    #[test]
    fn one_normalisation(text in near()) {
        let Ok(address) = EmailAddress::parse(&text) else { return Ok(()) };
        for form in [address.as_given(), address.key(), address.as_given().to_uppercase(), text.nfd().collect(), text.nfkc().collect(), format!(" {text}\r\n")] {
            let again = EmailAddress::parse(&form);
            prop_assert_eq!(again.map(|again| again.key()), Ok(address.key()), "{:?}", form);
        }
        prop_assert_eq!(EmailAddress::parse(&address.key()).unwrap().budget_key(), address.budget_key());
    }

    /// Two keys are the same only for the same local part, but for case, at the same domain.
    #[test]
    fn no_two_people_share_a_key((local, domain) in plausible(), (other, elsewhere) in plausible()) {
        let one = EmailAddress::parse(&format!("{local}@{domain}")).unwrap();
        let two = EmailAddress::parse(&format!("{other}@{elsewhere}")).unwrap();
        let same = local.eq_ignore_ascii_case(&other) && domain == elsewhere;
        prop_assert_eq!(one.key() == two.key(), same);
    }

    #[test]
    fn a_masked_address_tells_little((local, domain) in plausible()) {
        let masked = EmailAddress::parse(&format!("{local}@{domain}")).unwrap().masked();
        let ending = domain.rsplit('.').next().unwrap();
        prop_assert_eq!(masked, format!("{}***@{}***.{ending}", &local[..1], &domain[..1]));
    }

    #[test]
    fn a_tag_does_not_change_the_budget((local, domain) in plausible(), tag in "[a-z0-9]{1,8}") {
        let budget = |text: String| EmailAddress::parse(&text).unwrap().budget_key();
        let base = local.split('+').next().unwrap();
        prop_assert_eq!(budget(format!("{base}+{tag}@{domain}")), budget(format!("{base}@{domain}")));
    }
}
