-- Times are milliseconds since 1970 in UTC, identifiers are 12 bytes ordered by time,
-- secrets are stored as their SHA-256 or encrypted under the key file.

CREATE TABLE settings (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE signing_keys (
    kid        TEXT   NOT NULL PRIMARY KEY,
    sealed     BYTEA   NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE members (
    id                           BYTEA    NOT NULL PRIMARY KEY,
    uuid                         BYTEA    NOT NULL UNIQUE,
    email                        TEXT    NOT NULL,
    email_key                    TEXT    NOT NULL UNIQUE,
    name                         TEXT,
    expertise                    TEXT,
    status                       TEXT    NOT NULL DEFAULT 'free',
    enable_comment_notifications BOOLEAN NOT NULL DEFAULT TRUE,
    enable_updates               BOOLEAN,
    source_page                  TEXT,
    referrer                     TEXT,
    created_at                   BIGINT  NOT NULL,
    updated_at                   BIGINT  NOT NULL,
    last_seen_at                 BIGINT
);

CREATE TABLE sessions (
    token_hash   BYTEA   NOT NULL PRIMARY KEY,
    member_id    BYTEA   NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    agent        TEXT,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL
);
CREATE INDEX sessions_of_member ON sessions (member_id);

CREATE TABLE newsletters (
    id                  BYTEA    NOT NULL PRIMARY KEY,
    uuid                BYTEA    NOT NULL UNIQUE,
    name                TEXT    NOT NULL UNIQUE,
    slug                TEXT    NOT NULL UNIQUE,
    description         TEXT,
    status              TEXT    NOT NULL DEFAULT 'active',
    subscribe_on_signup BOOLEAN NOT NULL DEFAULT TRUE,
    sort_order          INTEGER NOT NULL DEFAULT 0,
    created_at          BIGINT  NOT NULL
);

CREATE TABLE newsletter_subscriptions (
    member_id     BYTEA   NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    newsletter_id BYTEA   NOT NULL REFERENCES newsletters (id) ON DELETE CASCADE,
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (member_id, newsletter_id)
);

CREATE TABLE labels (
    id       BYTEA NOT NULL PRIMARY KEY,
    name     TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE
);

CREATE TABLE member_labels (
    member_id BYTEA NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    label_id  BYTEA NOT NULL REFERENCES labels (id) ON DELETE CASCADE,
    PRIMARY KEY (member_id, label_id)
);

CREATE TABLE consent_texts (
    id     BYTEA NOT NULL PRIMARY KEY,
    sha256 BYTEA NOT NULL UNIQUE,
    text   TEXT NOT NULL
);

CREATE TABLE consents (
    id            BYTEA   NOT NULL PRIMARY KEY,
    member_id     BYTEA   NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    newsletter_id BYTEA   REFERENCES newsletters (id) ON DELETE CASCADE,
    text_id       BYTEA   NOT NULL REFERENCES consent_texts (id),
    form_url      TEXT,
    client        TEXT,
    method        TEXT   NOT NULL,
    asked_at      BIGINT NOT NULL,
    confirmed_at  BIGINT NOT NULL
);
CREATE INDEX consents_of_member ON consents (member_id);

CREATE TABLE member_events (
    id            BYTEA   NOT NULL PRIMARY KEY,
    member_id     BYTEA   NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    kind          TEXT   NOT NULL,
    newsletter_id BYTEA   REFERENCES newsletters (id) ON DELETE CASCADE,
    created_at    BIGINT NOT NULL
);
CREATE INDEX member_events_of_member ON member_events (member_id);

CREATE TABLE magic_links (
    id         BYTEA   NOT NULL PRIMARY KEY,
    token_hash BYTEA   NOT NULL UNIQUE,
    purpose    TEXT   NOT NULL,
    email      TEXT   NOT NULL,
    email_key  TEXT   NOT NULL,
    member_id  BYTEA   REFERENCES members (id) ON DELETE CASCADE,
    asked_by   BYTEA,
    agent      TEXT,
    request    TEXT   NOT NULL,
    return_to  TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT,
    voided_at  BIGINT
);
CREATE INDEX magic_links_of_address ON magic_links (email_key, created_at);

CREATE TABLE outbox (
    id              BYTEA    NOT NULL PRIMARY KEY,
    kind            TEXT    NOT NULL,
    lane            INTEGER NOT NULL,
    recipient       TEXT    NOT NULL,
    link_id         BYTEA,
    state           TEXT    NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    next_attempt_at BIGINT  NOT NULL,
    expires_at      BIGINT  NOT NULL,
    lease_until     BIGINT,
    leased_by       BYTEA,
    last_error      TEXT,
    created_at      BIGINT  NOT NULL,
    finished_at     BIGINT
);
CREATE INDEX outbox_open ON outbox (lane, next_attempt_at) WHERE state IN ('waiting', 'sending');
CREATE INDEX outbox_trouble ON outbox (state) WHERE state IN ('parked', 'refused');

CREATE TABLE suppressions (
    email_key  TEXT   NOT NULL PRIMARY KEY,
    reason     TEXT   NOT NULL,
    detail     TEXT,
    created_at BIGINT NOT NULL,
    until      BIGINT
);

CREATE TABLE rate_limits (
    key        BYTEA   NOT NULL PRIMARY KEY,
    entries    BYTEA   NOT NULL,
    expires_at BIGINT NOT NULL
);
