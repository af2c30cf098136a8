-- What they pay. Amounts are whole numbers of the currency's minor unit. Ids that start with a word
-- (`cus_`, `sub_`, `ch_`) are Stripe's own. What Stripe knows is written only as Stripe told it.

ALTER TABLE tiers ADD COLUMN stripe_product_id TEXT;

-- One row a price that was ever asked for; the newest of a tier and cadence is the one of today.
CREATE TABLE tier_prices (
    id              BLOB    NOT NULL PRIMARY KEY,
    tier_id         BLOB    NOT NULL REFERENCES tiers (id),
    cadence         TEXT    NOT NULL,
    currency        TEXT    NOT NULL,
    amount_minor    BIGINT  NOT NULL,
    stripe_price_id TEXT    UNIQUE,
    is_current      BOOLEAN NOT NULL,
    -- A price of yesterday that Stripe must not offer any more.
    is_archived     BOOLEAN NOT NULL DEFAULT FALSE,
    created_at      BIGINT  NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX tier_prices_of_today ON tier_prices (tier_id, cadence) WHERE is_current;

CREATE TABLE offers (
    id               BLOB    NOT NULL PRIMARY KEY,
    code             TEXT    NOT NULL UNIQUE,
    name             TEXT    NOT NULL UNIQUE,
    title            TEXT,
    description      TEXT,
    kind             TEXT    NOT NULL,
    redemption       TEXT    NOT NULL,
    tier_id          BLOB    REFERENCES tiers (id),
    cadence          TEXT    NOT NULL,
    -- Percent, minor units, or days of trial, as the kind says.
    amount           BIGINT  NOT NULL,
    currency         TEXT,
    duration         TEXT    NOT NULL,
    months           INTEGER,
    is_active        BOOLEAN NOT NULL DEFAULT TRUE,
    expires_at       BIGINT,
    most_redemptions BIGINT,
    created_at       BIGINT  NOT NULL,
    updated_at       BIGINT  NOT NULL
) WITHOUT ROWID;

CREATE TABLE stripe_customers (
    id           TEXT    NOT NULL PRIMARY KEY,
    -- NULL: paid by somebody who has not proved the address yet.
    member_id    BLOB    REFERENCES members (id) ON DELETE SET NULL,
    email_key    TEXT    NOT NULL,
    is_deleted   BOOLEAN NOT NULL DEFAULT FALSE,
    -- Readings of Stripe are numbered when they begin; an older one never overwrites a newer one.
    reads_begun  BIGINT  NOT NULL DEFAULT 0,
    read_applied BIGINT  NOT NULL DEFAULT 0,
    read_at      BIGINT,
    card_id          TEXT,
    card_last4       TEXT,
    card_exp_year    INTEGER,
    card_exp_month   INTEGER,
    created_at   BIGINT  NOT NULL
) WITHOUT ROWID;
CREATE INDEX stripe_customers_of_member ON stripe_customers (member_id) WHERE member_id IS NOT NULL;
CREATE INDEX stripe_customers_unclaimed ON stripe_customers (email_key) WHERE member_id IS NULL;

CREATE TABLE paid_subscriptions (
    id                   TEXT    NOT NULL PRIMARY KEY,
    customer_id          TEXT    NOT NULL REFERENCES stripe_customers (id) ON DELETE CASCADE,
    item_id              TEXT    NOT NULL,
    tier_id              BLOB    REFERENCES tiers (id),
    price_id             TEXT    NOT NULL,
    product_id           TEXT    NOT NULL,
    cadence              TEXT    NOT NULL,
    amount_minor         BIGINT  NOT NULL,
    currency             TEXT    NOT NULL,
    status               TEXT    NOT NULL,
    cancel_at_period_end BOOLEAN NOT NULL,
    canceled_at          BIGINT,
    cancellation_reason  TEXT,
    started_at           BIGINT  NOT NULL,
    period_start         BIGINT  NOT NULL,
    period_end           BIGINT  NOT NULL,
    trial_start          BIGINT,
    trial_end            BIGINT,
    ended_at             BIGINT,
    -- Since when an invoice is open that should have been paid.
    past_due_since       BIGINT,
    invoice_id           TEXT,
    invoice_status       TEXT,
    invoice_due_minor    BIGINT,
    offer_id             BLOB    REFERENCES offers (id),
    -- Minor units or percent that the discount takes off, and when it ends.
    discount_percent     BIGINT,
    discount_minor       BIGINT,
    discount_start       BIGINT,
    discount_end         BIGINT,
    card_last4           TEXT,
    created_at           BIGINT  NOT NULL
) WITHOUT ROWID;
CREATE INDEX paid_subscriptions_of_customer ON paid_subscriptions (customer_id);
CREATE INDEX paid_subscriptions_on_trial ON paid_subscriptions (trial_end) WHERE status = 'trialing';

CREATE TABLE offer_redemptions (
    offer_id        BLOB   NOT NULL REFERENCES offers (id),
    subscription_id TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (offer_id, subscription_id)
) WITHOUT ROWID;

-- Money that came, one row a charge.
CREATE TABLE payments (
    id             TEXT    NOT NULL PRIMARY KEY,
    customer_id    TEXT    NOT NULL REFERENCES stripe_customers (id) ON DELETE CASCADE,
    kind           TEXT    NOT NULL,
    amount_minor   BIGINT  NOT NULL,
    currency       TEXT    NOT NULL,
    refunded_minor BIGINT  NOT NULL,
    is_disputed    BOOLEAN NOT NULL,
    receipt_url    TEXT,
    paid_at        BIGINT  NOT NULL
) WITHOUT ROWID;
CREATE INDEX payments_of_customer ON payments (customer_id, paid_at);

-- Free access that staff gave.
CREATE TABLE comps (
    id         BLOB   NOT NULL PRIMARY KEY,
    member_id  BLOB   NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    tier_id    BLOB   NOT NULL REFERENCES tiers (id),
    until      BIGINT,
    note       TEXT,
    created_at BIGINT NOT NULL,
    ended_at   BIGINT
) WITHOUT ROWID;
CREATE INDEX comps_of_member ON comps (member_id);

-- Who had a trial: an address or a card, as a hash under the key file. One trial a person.
CREATE TABLE trials (
    hash       BLOB   NOT NULL PRIMARY KEY,
    -- The subscription whose trial it was.
    subscription_id TEXT NOT NULL,
    created_at BIGINT NOT NULL
) WITHOUT ROWID;

-- Visits to Stripe's pages. The id is our operation's: the idempotency key of the request that opens
-- the session is made of it, so that a request that is sent again opens no second one.
CREATE TABLE checkouts (
    id          BLOB   NOT NULL PRIMARY KEY,
    mode        TEXT   NOT NULL,
    member_id   BLOB   REFERENCES members (id) ON DELETE CASCADE,
    email_key   TEXT,
    -- What is bought, so that the same wish finds the same session.
    wish        TEXT   NOT NULL,
    request     TEXT   NOT NULL,
    session_id  TEXT   UNIQUE,
    url         TEXT,
    state       TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    finished_at BIGINT
) WITHOUT ROWID;
CREATE INDEX checkouts_open ON checkouts (member_id, mode) WHERE state = 'open';

-- What Stripe told, word for word, and what became of it.
CREATE TABLE stripe_events (
    id              TEXT    NOT NULL PRIMARY KEY,
    kind            TEXT    NOT NULL,
    body            TEXT    NOT NULL,
    is_live         BOOLEAN NOT NULL,
    api_version     TEXT,
    happened_at     BIGINT  NOT NULL,
    received_at     BIGINT  NOT NULL,
    state           TEXT    NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    next_attempt_at BIGINT  NOT NULL,
    lease_until     BIGINT,
    outcome         TEXT,
    finished_at     BIGINT
) WITHOUT ROWID;
CREATE INDEX stripe_events_open ON stripe_events (next_attempt_at) WHERE state = 'waiting';
CREATE INDEX stripe_events_ended ON stripe_events (finished_at) WHERE finished_at IS NOT NULL;

-- What a member was told about what they pay: each once.
CREATE TABLE billing_notices (
    id         BLOB   NOT NULL PRIMARY KEY,
    member_id  BLOB   NOT NULL REFERENCES members (id) ON DELETE CASCADE,
    kind       TEXT   NOT NULL,
    -- What it is about: a subscription, an invoice, a card, with what tells one time from the next.
    about      TEXT   NOT NULL,
    facts      TEXT   NOT NULL,
    created_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX billing_notices_once ON billing_notices (member_id, kind, about);

ALTER TABLE outbox ADD COLUMN notice_id BLOB;
-- Whether there is anything to read about what the member pays; most never do.
ALTER TABLE members ADD COLUMN has_billing BOOLEAN NOT NULL DEFAULT FALSE;
