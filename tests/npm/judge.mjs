// Drives the stand-in for Stripe with Stripe's own SDK. Prints what it saw; anything wrong ends it.
//
//   node judge.mjs BASE          (its packages are found beside it)
import assert from 'node:assert/strict';
import http from 'node:http';
import Stripe from 'stripe';

const base = new URL(process.argv[2]);
const stripe = new Stripe('sk_test_judge', {
  host: base.hostname, port: base.port, protocol: 'http', telemetry: false, maxNetworkRetries: 0,
});
assert.equal(stripe.getApiField('version'), process.argv[3]);

// A webhook of its own, to check the signature of what is delivered.
const deliveries = [];
const secretOf = {};
const server = http.createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    deliveries.push({ body: Buffer.concat(parts), signature: request.headers['stripe-signature'] });
    response.end();
  });
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const endpoint = await stripe.webhookEndpoints.create({
  url: `http://127.0.0.1:${server.address().port}/`,
  enabled_events: ['customer.subscription.created', 'customer.subscription.updated', 'invoice.paid'],
});
assert.match(endpoint.secret, /^whsec_/);
assert.equal((await stripe.webhookEndpoints.list()).data.find((one) => one.id === endpoint.id).secret, undefined);

const product = await stripe.products.create({ name: 'Judge', id: 'judge_product' });
await assert.rejects(stripe.products.create({ name: 'Judge', id: 'judge_product' }), { code: 'resource_already_exists' });
const month = await stripe.prices.create({
  product: product.id, currency: 'usd', unit_amount: 500, recurring: { interval: 'month' }, lookup_key: 'judge_month',
});
const year = await stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: 5000, recurring: { interval: 'year' } });
assert.equal((await stripe.prices.list({ lookup_keys: ['judge_month'] })).data[0].id, month.id);
await assert.rejects(stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: 1, nonsense: 1 }), {
  type: 'StripeInvalidRequestError', code: 'parameter_unknown',
});

const customer = await stripe.customers.create({ email: 'judge@reader.test', metadata: { a: '1' } }, { idempotencyKey: 'judge' });
const same = await stripe.customers.create({ email: 'judge@reader.test', metadata: { a: '1' } }, { idempotencyKey: 'judge' });
assert.equal(same.id, customer.id);
await assert.rejects(stripe.customers.create({ email: 'other@reader.test' }, { idempotencyKey: 'judge' }), { type: 'StripeIdempotencyError' });
await assert.rejects(stripe.customers.retrieve('cus_none'), { statusCode: 404, code: 'resource_missing' });

const session = await stripe.checkout.sessions.create({
  mode: 'subscription', customer: customer.id, line_items: [{ price: month.id, quantity: 1 }],
  success_url: 'http://site.test/?session={CHECKOUT_SESSION_ID}', cancel_url: 'http://site.test/',
});
assert.equal(session.status, 'open');
const paid = await fetch(session.url, {
  method: 'POST', redirect: 'manual', body: new URLSearchParams({ card: '4242424242424242' }),
});
assert.equal(paid.headers.get('location'), `http://site.test/?session=${session.id}`);
const done = await stripe.checkout.sessions.retrieve(session.id, { expand: ['subscription', 'subscription.latest_invoice'] });
assert.equal(done.status, 'complete');
assert.equal(done.payment_status, 'paid');
assert.equal(done.subscription.latest_invoice.amount_paid, 500);

const all = await stripe.subscriptions.list({ customer: customer.id, status: 'all', expand: ['data.default_payment_method', 'data.discounts.source.coupon'] });
const subscription = all.data[0];
assert.equal(subscription.status, 'active');
assert.equal(subscription.default_payment_method.card.last4, '4242');
const item = subscription.items.data[0];
assert.ok(item.current_period_end > item.current_period_start);
const preview = await stripe.invoices.createPreview({
  subscription: subscription.id, subscription_details: { items: [{ id: item.id, price: year.id }], proration_behavior: 'always_invoice' },
});
assert.equal(preview.amount_due, 4500);
const changed = await stripe.subscriptions.update(subscription.id, {
  items: [{ id: item.id, price: year.id }], proration_behavior: 'always_invoice', payment_behavior: 'error_if_incomplete',
});
assert.equal(changed.items.data[0].price.id, year.id);
const coupon = await stripe.coupons.create({ percent_off: 25, duration: 'forever', id: 'judge_coupon' });
const cheaper = await stripe.subscriptions.update(subscription.id, { discounts: [{ coupon: coupon.id }], expand: ['discounts'] });
assert.equal(cheaper.discounts[0].source.coupon, coupon.id);
const ends = await stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true, cancellation_details: { comment: 'Why not' } });
assert.equal(ends.cancel_at_period_end, true);
assert.equal(ends.cancellation_details.comment, 'Why not');
await stripe.subscriptions.update(subscription.id, { cancel_at_period_end: false });

const portal = await stripe.billingPortal.sessions.create({ customer: customer.id, return_url: 'http://site.test/' });
assert.equal((await fetch(portal.url)).status, 200);

// Pages of a list, as the SDK walks them.
const charges = [];
for await (const charge of stripe.charges.list({ customer: customer.id, limit: 1 })) charges.push(charge.amount);
assert.deepEqual(charges, [4500, 500]);
const refund = await stripe.refunds.create({ charge: (await stripe.charges.list({ customer: customer.id })).data[0].id, amount: 100 });
assert.equal(refund.status, 'succeeded');

const card = await stripe.paymentMethods.attach('pm_card_chargeCustomerFail', { customer: customer.id });
await stripe.customers.update(customer.id, { invoice_settings: { default_payment_method: card.id } });
await assert.rejects(
  stripe.subscriptions.create({ customer: customer.id, items: [{ price: month.id }], default_payment_method: card.id }),
  { type: 'StripeCardError', code: 'card_declined' },
);
const ended = await stripe.subscriptions.cancel(subscription.id);
assert.equal(ended.status, 'canceled');

const events = await stripe.events.list({ types: ['customer.subscription.deleted'] });
assert.equal(events.data[0].data.object.id, subscription.id);

const wanted = Date.now() + 10_000;
while (!deliveries.some((one) => one.body.includes('invoice.paid'))) {
  assert.ok(Date.now() < wanted, 'no event was delivered');
  await new Promise((later) => setTimeout(later, 20));
}
for (const { body, signature } of deliveries) {
  const event = stripe.webhooks.constructEvent(body, signature, endpoint.secret, 300, undefined, Number(process.argv[4]) || undefined);
  assert.equal(event.api_version, process.argv[3]);
}
assert.throws(() => stripe.webhooks.constructEvent(deliveries[0].body, deliveries[0].signature, 'whsec_other'), /signature/i);
server.close();
console.log('judged');
process.exit(0);
