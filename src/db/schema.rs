//! The tables, as `migrations/` makes them in both databases.

diesel::table! {
    settings (key) { key -> Text, value -> Text, }
}

diesel::table! {
    signing_keys (kid) { kid -> Text, sealed -> Binary, created_at -> BigInt, retired_at -> Nullable<BigInt>, }
}

diesel::table! {
    members (id) {
        id -> Binary,
        uuid -> Binary,
        email -> Text,
        email_key -> Text,
        name -> Nullable<Text>,
        expertise -> Nullable<Text>,
        status -> Text,
        enable_comment_notifications -> Bool,
        enable_updates -> Nullable<Bool>,
        source_page -> Nullable<Text>,
        referrer -> Nullable<Text>,
        created_at -> BigInt,
        updated_at -> BigInt,
        last_seen_at -> Nullable<BigInt>,
        language -> Nullable<Text>,
        paused_until -> Nullable<BigInt>,
        erase_at -> Nullable<BigInt>,
        has_billing -> Bool,
        name_key -> Nullable<Text>,
    }
}

diesel::table! {
    sessions (token_hash) {
        token_hash -> Binary,
        member_id -> Binary,
        agent -> Nullable<Text>,
        created_at -> BigInt,
        last_used_at -> BigInt,
        staff_id -> Nullable<Binary>,
    }
}

diesel::table! {
    newsletters (id) {
        id -> Binary,
        uuid -> Binary,
        name -> Text,
        slug -> Text,
        description -> Nullable<Text>,
        status -> Text,
        subscribe_on_signup -> Bool,
        sort_order -> Integer,
        created_at -> BigInt,
        sender_name -> Nullable<Text>,
        reply_to -> Nullable<Text>,
    }
}

diesel::table! {
    newsletter_subscriptions (member_id, newsletter_id) {
        member_id -> Binary,
        newsletter_id -> Binary,
        created_at -> BigInt,
    }
}

diesel::table! {
    labels (id) { id -> Binary, name -> Text, name_key -> Text, }
}

diesel::table! {
    member_labels (member_id, label_id) { member_id -> Binary, label_id -> Binary, }
}

diesel::table! {
    consent_texts (id) { id -> Binary, sha256 -> Binary, text -> Text, }
}

diesel::table! {
    consents (id) {
        id -> Binary,
        member_id -> Binary,
        newsletter_id -> Nullable<Binary>,
        text_id -> Binary,
        form_url -> Nullable<Text>,
        client -> Nullable<Text>,
        method -> Text,
        asked_at -> BigInt,
        confirmed_at -> BigInt,
    }
}

diesel::table! {
    member_events (id) {
        id -> Binary,
        member_id -> Binary,
        kind -> Text,
        newsletter_id -> Nullable<Binary>,
        created_at -> BigInt,
    }
}

diesel::table! {
    magic_links (id) {
        id -> Binary,
        token_hash -> Binary,
        purpose -> Text,
        email -> Text,
        email_key -> Text,
        member_id -> Nullable<Binary>,
        asked_by -> Nullable<Binary>,
        agent -> Nullable<Text>,
        request -> Text,
        return_to -> Nullable<Text>,
        created_at -> BigInt,
        expires_at -> BigInt,
        used_at -> Nullable<BigInt>,
        voided_at -> Nullable<BigInt>,
        code_ref -> Nullable<Binary>,
        code_tries -> Integer,
        waited_since -> Nullable<BigInt>,
        number_tries -> Integer,
        granted_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    outbox (id) {
        id -> Binary,
        kind -> Text,
        lane -> Integer,
        recipient -> Text,
        link_id -> Nullable<Binary>,
        state -> Text,
        attempts -> Integer,
        next_attempt_at -> BigInt,
        expires_at -> BigInt,
        lease_until -> Nullable<BigInt>,
        leased_by -> Nullable<Binary>,
        last_error -> Nullable<Text>,
        created_at -> BigInt,
        finished_at -> Nullable<BigInt>,
        change_id -> Nullable<Binary>,
        member_id -> Nullable<Binary>,
        notice_id -> Nullable<Binary>,
        staff_link_id -> Nullable<Binary>,
        staff_notice_id -> Nullable<Binary>,
    }
}

diesel::table! {
    email_changes (id) {
        id -> Binary,
        member_id -> Binary,
        from_email -> Text,
        to_email -> Text,
        changed_at -> BigInt,
        undo_until -> BigInt,
        undone_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    member_attributions (member_id) {
        member_id -> Binary,
        resource_id -> Nullable<Text>,
        resource_type -> Nullable<Text>,
        resource_url -> Nullable<Text>,
        referrer_source -> Nullable<Text>,
        referrer_medium -> Nullable<Text>,
        referrer_url -> Nullable<Text>,
        utm_source -> Nullable<Text>,
        utm_medium -> Nullable<Text>,
        utm_campaign -> Nullable<Text>,
        utm_term -> Nullable<Text>,
        utm_content -> Nullable<Text>,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Binary,
        kind -> Text,
        name -> Text,
        secret_hash -> Binary,
        sealed -> Binary,
        created_at -> BigInt,
        scope -> Text,
        expires_at -> Nullable<BigInt>,
        last_used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    tiers (id) {
        id -> Binary,
        name -> Text,
        slug -> Text,
        description -> Nullable<Text>,
        kind -> Text,
        benefits -> Text,
        welcome_page_url -> Nullable<Text>,
        is_public -> Bool,
        is_active -> Bool,
        sort_order -> Integer,
        currency -> Nullable<Text>,
        monthly_minor -> Nullable<BigInt>,
        yearly_minor -> Nullable<BigInt>,
        trial_days -> Integer,
        created_at -> BigInt,
        updated_at -> BigInt,
        stripe_product_id -> Nullable<Text>,
    }
}

diesel::table! {
    tier_prices (id) {
        id -> Binary,
        tier_id -> Binary,
        cadence -> Text,
        currency -> Text,
        amount_minor -> BigInt,
        stripe_price_id -> Nullable<Text>,
        is_current -> Bool,
        is_archived -> Bool,
        created_at -> BigInt,
    }
}

diesel::table! {
    offers (id) {
        id -> Binary,
        code -> Text,
        name -> Text,
        title -> Nullable<Text>,
        description -> Nullable<Text>,
        kind -> Text,
        redemption -> Text,
        tier_id -> Nullable<Binary>,
        cadence -> Text,
        amount -> BigInt,
        currency -> Nullable<Text>,
        duration -> Text,
        months -> Nullable<Integer>,
        is_active -> Bool,
        expires_at -> Nullable<BigInt>,
        most_redemptions -> Nullable<BigInt>,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    stripe_customers (id) {
        id -> Text,
        member_id -> Nullable<Binary>,
        email_key -> Text,
        is_deleted -> Bool,
        reads_begun -> BigInt,
        read_applied -> BigInt,
        read_at -> Nullable<BigInt>,
        card_id -> Nullable<Text>,
        card_last4 -> Nullable<Text>,
        card_exp_year -> Nullable<Integer>,
        card_exp_month -> Nullable<Integer>,
        created_at -> BigInt,
    }
}

diesel::table! {
    paid_subscriptions (id) {
        id -> Text,
        customer_id -> Text,
        item_id -> Text,
        tier_id -> Nullable<Binary>,
        price_id -> Text,
        product_id -> Text,
        cadence -> Text,
        amount_minor -> BigInt,
        currency -> Text,
        status -> Text,
        cancel_at_period_end -> Bool,
        canceled_at -> Nullable<BigInt>,
        cancellation_reason -> Nullable<Text>,
        started_at -> BigInt,
        period_start -> BigInt,
        period_end -> BigInt,
        trial_start -> Nullable<BigInt>,
        trial_end -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>,
        past_due_since -> Nullable<BigInt>,
        invoice_id -> Nullable<Text>,
        invoice_status -> Nullable<Text>,
        invoice_due_minor -> Nullable<BigInt>,
        offer_id -> Nullable<Binary>,
        discount_percent -> Nullable<BigInt>,
        discount_minor -> Nullable<BigInt>,
        discount_start -> Nullable<BigInt>,
        discount_end -> Nullable<BigInt>,
        card_last4 -> Nullable<Text>,
        created_at -> BigInt,
    }
}

diesel::table! {
    offer_redemptions (offer_id, subscription_id) {
        offer_id -> Binary,
        subscription_id -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    payments (id) {
        id -> Text,
        customer_id -> Text,
        kind -> Text,
        amount_minor -> BigInt,
        currency -> Text,
        refunded_minor -> BigInt,
        is_disputed -> Bool,
        receipt_url -> Nullable<Text>,
        paid_at -> BigInt,
    }
}

diesel::table! {
    comps (id) {
        id -> Binary,
        member_id -> Binary,
        tier_id -> Binary,
        until -> Nullable<BigInt>,
        note -> Nullable<Text>,
        created_at -> BigInt,
        ended_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    trials (hash) {
        hash -> Binary,
        subscription_id -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    checkouts (id) {
        id -> Binary,
        mode -> Text,
        member_id -> Nullable<Binary>,
        email_key -> Nullable<Text>,
        wish -> Text,
        request -> Text,
        session_id -> Nullable<Text>,
        url -> Nullable<Text>,
        state -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
        finished_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    stripe_events (id) {
        id -> Text,
        kind -> Text,
        body -> Text,
        is_live -> Bool,
        api_version -> Nullable<Text>,
        happened_at -> BigInt,
        received_at -> BigInt,
        state -> Text,
        attempts -> Integer,
        next_attempt_at -> BigInt,
        lease_until -> Nullable<BigInt>,
        outcome -> Nullable<Text>,
        finished_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    billing_notices (id) {
        id -> Binary,
        member_id -> Binary,
        kind -> Text,
        about -> Text,
        facts -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    erased_addresses (hash) { hash -> Binary, erased_at -> BigInt, }
}

diesel::table! {
    suppressions (email_key) {
        email_key -> Text,
        reason -> Text,
        detail -> Nullable<Text>,
        created_at -> BigInt,
        until -> Nullable<BigInt>,
    }
}

diesel::table! {
    rate_limits (key) { key -> Binary, entries -> Binary, expires_at -> BigInt, }
}

diesel::table! {
    staff (id) {
        id -> Binary,
        email -> Text,
        email_key -> Text,
        name -> Text,
        role -> Text,
        password -> Text,
        totp -> Nullable<Binary>,
        totp_step -> BigInt,
        failures -> Integer,
        created_at -> BigInt,
        last_seen_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    staff_recovery_codes (hash) { hash -> Binary, staff_id -> Binary, }
}

diesel::table! {
    staff_sessions (token_hash) {
        token_hash -> Binary,
        staff_id -> Binary,
        agent -> Nullable<Text>,
        client -> Text,
        has_second_factor -> Bool,
        created_at -> BigInt,
        last_used_at -> BigInt,
        proved_at -> BigInt,
    }
}

diesel::table! {
    staff_places (staff_id, place) { staff_id -> Binary, place -> Binary, seen_at -> BigInt, }
}

diesel::table! {
    staff_links (id) {
        id -> Binary,
        token_hash -> Binary,
        purpose -> Text,
        email -> Nullable<Text>,
        role -> Nullable<Text>,
        staff_id -> Nullable<Binary>,
        made_by -> Nullable<Text>,
        created_at -> BigInt,
        expires_at -> BigInt,
        used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    staff_notices (id) { id -> Binary, staff_id -> Binary, kind -> Text, facts -> Text, created_at -> BigInt, }
}

diesel::table! {
    audit_log (number) {
        number -> BigInt,
        at -> BigInt,
        actor_kind -> Text,
        actor_id -> Text,
        actor_name -> Text,
        action -> Text,
        target_kind -> Text,
        target_id -> Text,
        client -> Text,
        request_id -> Text,
        before -> Text,
        after -> Text,
        seal -> Binary,
    }
}

diesel::table! {
    member_notes (id) { id -> Binary, member_id -> Binary, author -> Text, text -> Text, created_at -> BigInt, }
}

diesel::table! {
    daily_figures (day, figure) { day -> Integer, figure -> Text, value -> BigInt, }
}

diesel::table! {
    jobs (id) {
        id -> Binary,
        kind -> Text,
        state -> Text,
        request -> Text,
        made_by -> Text,
        total -> BigInt,
        done -> BigInt,
        place -> Nullable<Text>,
        report -> Text,
        created_at -> BigInt,
        finished_at -> Nullable<BigInt>,
        undo_until -> Nullable<BigInt>,
        lease_until -> Nullable<BigInt>,
        leased_by -> Nullable<Binary>,
    }
}

diesel::table! {
    job_pieces (job_id, number) { job_id -> Binary, number -> Integer, bytes -> Binary, }
}

diesel::table! {
    job_lines (job_id, line) { job_id -> Binary, line -> BigInt, kind -> Text, text -> Text, }
}

diesel::table! {
    job_members (job_id, member_id) { job_id -> Binary, member_id -> Binary, }
}

diesel::table! {
    stored_settings (key) { key -> Text, sealed -> Binary, changed_at -> BigInt, }
}

diesel::table! {
    dkim_keys (selector) {
        selector -> Text,
        domain -> Text,
        sealed -> Binary,
        public_key -> Text,
        created_at -> BigInt,
        used_since -> Nullable<BigInt>,
    }
}

diesel::joinable!(sessions -> members (member_id));
diesel::joinable!(newsletter_subscriptions -> newsletters (newsletter_id));
diesel::joinable!(newsletter_subscriptions -> members (member_id));
diesel::joinable!(member_labels -> labels (label_id));
diesel::joinable!(consents -> consent_texts (text_id));
diesel::joinable!(paid_subscriptions -> stripe_customers (customer_id));
diesel::joinable!(staff_sessions -> staff (staff_id));
diesel::joinable!(payments -> stripe_customers (customer_id));
diesel::allow_tables_to_appear_in_same_query!(
    members,
    sessions,
    newsletters,
    newsletter_subscriptions,
    labels,
    member_labels,
    consent_texts,
    consents,
    suppressions,
    member_events,
    magic_links,
    outbox,
    email_changes
);
diesel::allow_tables_to_appear_in_same_query!(
    stripe_customers,
    paid_subscriptions,
    payments,
    tiers,
    tier_prices,
    offers,
    offer_redemptions,
    comps
);
diesel::allow_tables_to_appear_in_same_query!(staff, staff_sessions, staff_notices);
