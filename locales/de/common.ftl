# Zeiten, Einheiten und Wörter, die an vielen Stellen stehen. { $site } ist überall der Name der Website.

month-1 = Januar
month-2 = Februar
month-3 = März
month-4 = April
month-5 = Mai
month-6 = Juni
month-7 = Juli
month-8 = August
month-9 = September
month-10 = Oktober
month-11 = November
month-12 = Dezember
date = { $day }. { $month } { $year }
moment = { $date }, { $time } UTC
minutes = { $count ->
    [one] { $count } Minute
   *[other] { $count } Minuten
}
hours = { $count ->
    [one] { $count } Stunde
   *[other] { $count } Stunden
}
days = { $count ->
    [one] { $count } Tag
   *[other] { $count } Tage
}
browser-on = { $browser } auf { $system }

back-to-site = Zurück zu { $site }
signout = Abmelden
    .text = Auf diesem Gerät bei { $site } abmelden?
signout-everywhere = Auf allen Geräten abmelden

note-pending = Sehen Sie in Ihr Postfach: Ein Link ist unterwegs. Er funktioniert in jedem Browser.
note-signed-up = Willkommen! Sie haben sich erfolgreich angemeldet.
note-signed-in = Willkommen zurück! Sie sind jetzt angemeldet.
note-subscribed = Sie haben { $site } erfolgreich abonniert.
note-already = Sie haben { $site } schon abonniert.
note-expired = Dieser Link war abgelaufen. Wenn die Adresse einen bekommen kann, ist ein neuer unterwegs.
note-failed = Das hat nicht geklappt. Bitte versuchen Sie es noch einmal.
note-email-changed = Erledigt! Ihre E-Mail-Adresse wurde geändert.
note-billing-updated = Geschafft! Ihre Zahlungsdaten wurden aktualisiert.
note-billing-not-updated = Ihre Zahlungsdaten wurden nicht aktualisiert.
