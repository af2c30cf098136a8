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
    }
}

diesel::table! {
    sessions (token_hash) {
        token_hash -> Binary,
        member_id -> Binary,
        agent -> Nullable<Text>,
        created_at -> BigInt,
        last_used_at -> BigInt,
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

diesel::joinable!(sessions -> members (member_id));
diesel::joinable!(newsletter_subscriptions -> newsletters (newsletter_id));
diesel::joinable!(newsletter_subscriptions -> members (member_id));
diesel::joinable!(member_labels -> labels (label_id));
diesel::joinable!(consents -> consent_texts (text_id));
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
