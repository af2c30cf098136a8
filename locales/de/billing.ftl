# Bezahlen: Tarife, Karten, und was das Konto darüber sagt.

price-month = { $amount } im Monat
price-year = { $amount } im Jahr

checkout = Tarif wählen
    .intro = Bezahlt wird auf einer Seite von Stripe. Keine Kartennummer kommt je zu uns.
checkout-pays = Sie haben bereits einen Tarif.
checkout-none = Zurzeit gibt es keine bezahlten Tarife.
checkout-choose = Bitte wählen Sie einen Tarif.
checkout-gone = Dieser Tarif wird nicht mehr angeboten. Diese gibt es:
checkout-offer-over = Dieses Angebot ist vorbei. Das sind die Tarife:
checkout-trial = { $days ->
    [one] { $days } Tag kostenlos
   *[other] { $days } Tage kostenlos
}
checkout-message = Nachricht hinzufügen
checkout-donate = Unterstützen Sie uns
    .text = Einmalig, mit einem Betrag Ihrer Wahl.
    .button = Unterstützen
offer-trial = { $days ->
    [one] { $days } Tag kostenlos
   *[other] { $days } Tage kostenlos
}
offer-once = { $amount } weniger bei der ersten Zahlung
offer-months = { $months ->
    [one] { $amount } weniger für { $months } Monat
   *[other] { $amount } weniger für { $months } Monate
}
offer-forever = { $amount } weniger, solange Sie bleiben

plan = Ihr Tarif
plan-tier = Tarif
plan-next = Demnächst
plan-card = Karte
    .none = Keine
plan-none = Sie haben keinen bezahlten Tarif.
plan-comped = Sie lesen { $tier } kostenlos.
plan-comped-until = Sie lesen { $tier } kostenlos bis zum { $day }.
plan-renews = { $amount } am { $day }.
plan-trial = Ihre Probezeit läuft bis zum { $day }. Danach { $amount }.
plan-ends = Ihr Tarif endet am { $day }. Es wird nichts mehr abgebucht.
plan-past-due = Die letzte Zahlung ist gescheitert. Sie können bis zum { $day } lesen; bitte nehmen Sie eine andere Karte.
plan-declined = Ihre Karte wurde abgelehnt. Es hat sich nichts geändert.
plan-change = Tarif wechseln
    .look = Kosten ansehen
    .now = Jetzt abgebucht
    .then = Ab dann
    .text = Was bezahlt und nicht genutzt ist, wird abgezogen. Probezeit oder Rabatt enden.
    .button = Tarif wechseln
plan-keep = Alles lassen, wie es ist
plan-resume = Den Tarif doch behalten
plan-cancel = Tarif beenden
    .text = Sie können bis zum Ende der bezahlten Zeit lesen: { $day }. Danach wird nichts mehr abgebucht.
    .reason = Warum?
    .button = Tarif beenden
plan-offer = Würden Sie dafür bleiben?
    .button = Mit diesem Angebot bleiben
plan-invoices = Rechnungen
    .none = Es gibt noch keine.
    .open = Öffnen
    .away = Sie können gerade nicht gezeigt werden. Bitte versuchen Sie es später noch einmal.
plan-portal = Alle Zahlungsdaten bei Stripe

billing-card = Zahlungskarte
    .now = Die Karte, die bezahlt, endet auf { $card }.
    .none = Es ist noch keine Karte bekannt.
    .owed = { $amount } konnten nicht abgebucht werden. Eine andere Karte bezahlt sie sofort.
    .button = Andere Karte verwenden
    .text = Sie geben sie auf einer Seite von Stripe ein. Keine Kartennummer kommt je zu uns.

done-plan = Ihr Tarif wurde gewechselt.
done-cancelled = Ihr Tarif endet mit der bezahlten Zeit.
done-plan-resumed = Ihr Tarif läuft weiter.
done-offer = Das Angebot gilt für Sie. Danke, dass Sie bleiben.

mail-paid-welcome = Danke! Sie haben ab jetzt { $tier }: { $price }, das nächste Mal am { $day }.
    .subject = Willkommen bei { $tier }
    .button = Zu { $site }
mail-receipt = { $amount } sind am { $day } bei uns eingegangen. Der Beleg liegt bei Stripe.
    .subject = Ihre Zahlung von { $amount } an { $site }
    .button = Beleg öffnen
mail-payment-failed = { $amount } für { $tier } konnten von der Karte, die auf { $card } endet, nicht abgebucht werden. Sie können bis zum { $day } lesen. Mit einer anderen Karte geht alles weiter.
    .subject = Ihre Zahlung an { $site } ist gescheitert
    .button = Andere Karte verwenden
mail-card-expiring = Die Karte, die auf { $card } endet, gilt bis zum { $day }. Bitte nehmen Sie vorher eine andere, damit nichts unterbrochen wird.
    .subject = Ihre Karte bei { $site } läuft bald ab
    .button = Andere Karte verwenden
mail-trial-ending = Ihre Probezeit für { $tier } endet am { $day }. Danach werden { $amount } abgebucht. Wenn Sie das nicht wollen, beenden Sie den Tarif vorher.
    .subject = Ihre Probezeit für { $tier } endet am { $day }
    .button = Tarif ansehen
mail-cancelled = Wie gewünscht endet { $tier } am { $day }. Bis dahin können Sie lesen, und es wird nichts mehr abgebucht.
    .subject = { $tier } endet am { $day }
    .button = Doch bleiben
mail-resumed = { $tier } läuft weiter. Die nächste Zahlung sind { $amount } am { $day }.
    .subject = { $tier } läuft weiter
    .button = Tarif ansehen
mail-ended = { $tier } ({ $price }) ist am { $day } zu Ende gegangen. Sie können jederzeit wieder abonnieren.
    .subject = { $tier } ist beendet
    .button = Wieder abonnieren
mail-trial-refused = Mit dieser Karte oder Adresse gab es bei { $site } schon eine Probezeit, deshalb hat { $tier } nicht begonnen. Es wurde nichts abgebucht. Ohne Probezeit kostet es { $price }.
    .subject = Ihre Probezeit bei { $site } hat nicht begonnen
    .button = Ohne Probezeit abonnieren
