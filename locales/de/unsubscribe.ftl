# Newsletter mit dem Link aus einer Mail abbestellen.

unsubscribe = Abbestellen
    .address = Es geht um die Mails an { $address }.
    .list = { $name } abbestellen
    .all = Alle Newsletter abbestellen
    .fewer = Zu viele Mails? Alle 30 Tage lang pausieren
    .none = An diese Adresse gehen keine Newsletter.
    .more = Um einzeln auszuwählen, melden Sie sich an:
unsubscribe-done = Erledigt. Diese kommen nicht mehr: { $names }.
unsubscribe-was-done = Erledigt. Es war nichts mehr abzubestellen.
unsubscribe-rests = Erledigt. Alle Newsletter pausieren 30 Tage lang.
