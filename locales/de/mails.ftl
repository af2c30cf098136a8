# Mails. Nichts darin hat ein Fremder geschrieben.

mail-copy = Wenn der Knopf nicht funktioniert, kopieren Sie diese Adresse in Ihren Browser:
mail-code = Oder geben Sie diesen Code dort ein, wo Sie gefragt haben:
mail-link-life = Der Link funktioniert einmal, innerhalb dieser Zeit: { $life }.
mail-asked = Er wurde am { $moment } angefordert.
mail-asked-with = Er wurde am { $moment } mit { $browser } angefordert.
mail-ignore = Wenn Sie das nicht waren, beachten Sie diese Mail nicht: Ohne den Link geschieht nichts.
mail-questions = Fragen? Schreiben Sie an { $address }.

mail-signin = Hier ist Ihr Link, um sich bei { $site } anzumelden.
    .subject = Bei { $site } anmelden
    .button = Anmelden
mail-signin-code-subject = { $code } ist Ihr Code für { $site }
mail-signup = Noch ein Schritt, um bei { $site } mitzumachen: Bestätigen Sie, dass diese Adresse Ihnen gehört.
    .subject = Bestätigen Sie Ihren Beitritt bei { $site }
    .button = Beitritt bestätigen
mail-subscribe = Noch ein Schritt, um { $site } zu bekommen: Bestätigen Sie Ihr Abonnement.
    .subject = Bestätigen Sie Ihr Abonnement von { $site }
    .button = Abonnement bestätigen
mail-new-address = Ein Mitglied von { $site } möchte künftig diese Adresse verwenden. Bestätigen Sie, dass sie Ihnen gehört.
    .subject = Bestätigen Sie Ihre neue Adresse bei { $site }
    .button = Adresse bestätigen
mail-approve-address = Jemand, der in Ihrem Konto bei { $site } angemeldet ist, möchte zur Adresse { $address } wechseln. Wenn Sie das sind, stimmen Sie hier zu; dann bekommt jene Adresse eine Mail.
    .subject = Möchten Sie eine andere Adresse bei { $site }?
    .button = Zustimmen
mail-address-changed = Am { $moment } ist Ihr Konto bei { $site } von dieser Adresse zu { $address } gewechselt. Wenn Sie das waren, ist nichts zu tun.
    .subject = Ihre Adresse bei { $site } hat sich geändert
    .button = Das war ich nicht: rückgängig machen
mail-address-changed-until = Es lässt sich bis { $moment } rückgängig machen.
mail-address-taken = Jemand wollte diese Adresse für ein anderes Konto bei { $site } verwenden. Sie gehört schon Ihnen; es hat sich also nichts geändert, und es ist nichts zu tun.
    .subject = Ihre Adresse bei { $site }

mail-welcome = Ab jetzt bekommen Sie: { $names }. In jeder Mail steht ein Link zum Abbestellen, wie der unten.
    .subject = Willkommen bei { $site }
    .button = Zu { $site }
