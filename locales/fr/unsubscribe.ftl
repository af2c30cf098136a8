# Mettre fin aux newsletters par le lien d’un e-mail.

unsubscribe = Se désabonner
    .address = Il s’agit des e-mails envoyés à { $address }.
    .list = Ne plus recevoir { $name }
    .all = Ne plus recevoir aucune newsletter
    .fewer = Trop d’e-mails ? Tout suspendre pendant 30 jours
    .none = Aucune newsletter n’est envoyée à cette adresse.
    .more = Pour choisir une par une, connectez-vous :
unsubscribe-done = C’est fait. Vous ne recevrez plus : { $names }.
unsubscribe-was-done = C’est fait. Il n’y avait plus rien à arrêter.
unsubscribe-rests = C’est fait. Toutes les newsletters sont suspendues pendant 30 jours.
