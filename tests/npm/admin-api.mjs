// Ghost's own client of the admin API, unmodified, against an installation: what programs do all day.
import assert from 'node:assert/strict';
import AdminAPI from '@tryghost/admin-api';

const [url, key] = process.argv.slice(2);
const api = new AdminAPI({url: url.replace(/\/$/, ''), key, version: 'v6.0'});

const site = await api.site.read();
assert.equal(site.title, 'REX Wire');

const ada = await api.members.add({
    email: 'ada@reader.test', name: 'Ada Byron', note: 'met at the fair', labels: ['VIP', {name: 'press'}, 'vip'],
});
assert.match(ada.id, /^[0-9a-f]{24}$/);
assert.equal(ada.subscribed, true);
assert.equal(ada.note, 'met at the fair');
assert.deepEqual(ada.labels.map(label => label.slug).sort(), ['press', 'vip']);
assert.equal(ada.status, 'free');
assert.deepEqual(ada.tiers, []);
await api.members.add({email: 'bob@reader.test', subscribed: false});
await api.members.add({email: "o'neil@reader.test", name: 'Zoë ☂'});

await assert.rejects(api.members.add({email: 'ADA@reader.test'}), error => {
    assert.equal(error.name, 'ValidationError');
    assert.equal(error.message, 'Validation error, cannot save member.');
    assert.equal(error.property, 'email');
    return true;
});
await assert.rejects(api.members.add({email: 'nobody'}), {name: 'ValidationError'});
await assert.rejects(api.members.add({name: 'Nobody'}), {name: 'ValidationError'});

const all = await api.members.browse({limit: 2});
assert.equal(all.length, 2);
assert.deepEqual(all.meta.pagination, {page: 1, limit: 2, pages: 2, total: 3, next: 2, prev: null});
const rest = await api.members.browse({limit: 2, page: 2});
assert.equal(rest.length, 1);
assert.equal(rest.meta.pagination.prev, 1);

const emails = async options => (await api.members.browse(options)).map(member => member.email).sort();
assert.deepEqual(await emails({filter: 'label:vip'}), ['ada@reader.test']);
assert.deepEqual(await emails({filter: 'label:-vip'}), ['bob@reader.test', "o'neil@reader.test"]);
assert.deepEqual(await emails({filter: "label:[vip,'press']+subscribed:true"}), ['ada@reader.test']);
assert.deepEqual(await emails({filter: 'subscribed:false'}), ['bob@reader.test']);
assert.deepEqual(await emails({filter: "email:'o\\'neil@reader.test'"}), ["o'neil@reader.test"]);
assert.deepEqual(await emails({filter: "name:~'BYRON'"}), ['ada@reader.test']);
assert.deepEqual(await emails({filter: 'name:null'}), ['bob@reader.test']);
assert.deepEqual(await emails({filter: 'name:-null'}), ['ada@reader.test', "o'neil@reader.test"]);
assert.deepEqual(await emails({filter: "note:~'fair'"}), ['ada@reader.test']);
assert.deepEqual(await emails({filter: '(status:paid,status:comped)'}), []);
assert.deepEqual(await emails({filter: 'status:-free'}), []);
assert.deepEqual(await emails({filter: `id:${ada.id}`}), ['ada@reader.test']);
assert.deepEqual(await emails({filter: `uuid:'${ada.uuid}'`}), ['ada@reader.test']);
assert.equal((await emails({filter: 'created_at:>now-1d+created_at:<now+1d'})).length, 3);
assert.deepEqual(await emails({filter: "created_at:<'2020-01-01 00:00:00'"}), []);
assert.deepEqual(await emails({filter: 'subscriptions.status:active'}), []);
assert.equal((await emails({filter: 'subscriptions.status:-active'})).length, 3);
assert.equal((await emails({filter: 'newsletters.status:active'})).length, 2);
assert.deepEqual(await emails({search: 'BYR'}), ['ada@reader.test']);
const inOrder = await api.members.browse({order: 'email asc'});
assert.deepEqual(inOrder.map(member => member.email), ['ada@reader.test', 'bob@reader.test', "o'neil@reader.test"]);
const some = await api.members.browse({fields: 'id,email', limit: 1});
assert.deepEqual(Object.keys(some[0] ?? some).sort(), ['email', 'id']);

for (const filter of ['(((', 'password:x', 'token:x', "members.email_key:'x'", "email:'x' OR 1=1", 'label:>x', 'x'.repeat(5000)]) {
    await assert.rejects(api.members.browse({filter}), {name: 'BadRequestError'}, filter.slice(0, 40));
}
for (const order of ['password asc', 'secret', 'name; DROP TABLE members', 'CASE']) {
    await assert.rejects(api.members.browse({order}), Error, order);
}

const edited = await api.members.edit({id: ada.id, name: 'Countess', labels: [{name: 'navy'}], note: 'x'});
assert.equal(edited.name, 'Countess');
assert.deepEqual(edited.labels.map(label => label.name), ['navy']);
assert.equal(edited.note, 'x');
assert.equal(edited.subscribed, true);
assert.equal((await api.members.edit({id: ada.id, subscribed: false})).subscribed, false);
const moved = await api.members.edit({id: ada.id, email: 'countess@reader.test'});
assert.equal(moved.email, 'countess@reader.test');
assert.equal((await api.members.read({id: ada.id})).name, 'Countess');
await assert.rejects(api.members.edit({id: ada.id, email: 'bob@reader.test'}), {name: 'ValidationError'});

const lists = await api.newsletters.browse({limit: 50});
const list = lists[0] ?? lists;
assert.equal(list.status, 'active');
const weekly = await api.newsletters.add({name: 'Weekly', description: 'Every Saturday'});
assert.equal(weekly.slug, 'weekly');
assert.equal((await api.newsletters.edit({id: weekly.id, name: 'Weekly wire'})).description, 'Every Saturday');
await assert.rejects(api.newsletters.edit({id: weekly.id, name: list.name}), {name: 'ValidationError'});
const chosen = await api.members.edit({id: ada.id, newsletters: [{id: weekly.id}]});
assert.deepEqual(chosen.newsletters.map(one => one.name), ['Weekly wire']);

await api.members.delete({id: ada.id});
await assert.rejects(api.members.read({id: ada.id}), {name: 'NotFoundError', message: 'Resource not found error, cannot read member.'});
await assert.rejects(api.members.delete({id: ada.id}), {name: 'NotFoundError'});
await assert.rejects(api.members.add({email: 'countess@reader.test'}), {name: 'ValidationError'});
console.log('managed');
