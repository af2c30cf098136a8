# Leaving newsletters by the link of a mail.

unsubscribe = Unsubscribe
    .address = This is about the mails to { $address }.
    .list = Stop { $name }
    .all = Stop all newsletters
    .fewer = Too many mails? Pause all of them for 30 days
    .none = No newsletters go to this address.
    .more = To choose one by one, sign in:
unsubscribe-done = Done. These do not come any more: { $names }.
unsubscribe-was-done = Done. There was nothing left to stop.
unsubscribe-rests = Done. All newsletters pause for 30 days.
