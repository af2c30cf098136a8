# Seiten über das, was schiefging. Sie können den Namen der Website nicht kennen.

error-not-found = Hier ist nichts
    .text = Vielleicht ist die Adresse vertippt, oder die Seite ist umgezogen.
error-method = Das geht hier nicht
    .text = Diese Adresse nimmt solche Anfragen nicht an.
error-foreign-form = Dieses Formular gehört nicht zur Website
    .text = Zu Ihrer Sicherheit funktionieren Formulare nur auf den eigenen Seiten der Website. Wenn dies Ihre Website ist, tragen Sie ihren Ursprung in READERSHIP_SITE_ORIGINS ein.
error-not-a-form = Das geht hier nicht
    .text = Bitte benutzen Sie das Formular auf der Seite. Programme schicken es als application/x-www-form-urlencoded.
error-too-large = Das war zu viel
    .text = Was geschickt wurde, ist größer, als dieser Server annimmt.
error-late = Das hat zu lange gedauert
    .text = Das Formular kam nicht rechtzeitig an. Bitte schicken Sie es noch einmal.
error-broken-off = Das brach ab
    .text = Das Formular kam nicht ganz an. Bitte schicken Sie es noch einmal.
error-too-often = Das war zu oft
    .text = Zum Schutz der Konten geht das nur einige Male in der Stunde. Bitte versuchen Sie es später noch einmal.
error-signed-out = Sie sind abgemeldet
    .text = Es wurde nichts geändert. Bitte melden Sie sich an und versuchen Sie es noch einmal.
error-not-fresh = Bitte melden Sie sich noch einmal an
    .text = Es wurde nichts geändert. Zu Ihrer Sicherheit braucht das eine Anmeldung aus den letzten Minuten: Gehen Sie zurück und fordern Sie einen Link an.
error-unsubscribe-link = Dieser Link ist nicht vollständig
    .text = Bitte öffnen Sie ihn noch einmal aus der Mail oder kopieren Sie die ganze Adresse.
error-unexpected = Etwas ist schiefgegangen
    .text = Es liegt an uns und wurde notiert. Bitte versuchen Sie es gleich noch einmal.
error-busy = Einen Moment bitte
    .text = Der Server ist beschäftigt. Bitte versuchen Sie es in ein paar Sekunden noch einmal.
