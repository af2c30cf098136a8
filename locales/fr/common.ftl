# Dates, unités et mots qui reviennent partout. { $site } est toujours le nom du site.

month-1 = janvier
month-2 = février
month-3 = mars
month-4 = avril
month-5 = mai
month-6 = juin
month-7 = juillet
month-8 = août
month-9 = septembre
month-10 = octobre
month-11 = novembre
month-12 = décembre
date = { $day } { $month } { $year }
moment = { $date }, { $time } UTC
minutes = { $count ->
    [one] { $count } minute
   *[other] { $count } minutes
}
hours = { $count ->
    [one] { $count } heure
   *[other] { $count } heures
}
days = { $count ->
    [one] { $count } jour
   *[other] { $count } jours
}
browser-on = { $browser } sous { $system }

back-to-site = Retour à { $site }
signout = Se déconnecter
    .text = Se déconnecter de { $site } sur cet appareil ?
signout-everywhere = Se déconnecter de tous les appareils

note-pending = Consultez votre messagerie : un lien est en route. Il fonctionne dans tous les navigateurs.
note-signed-up = Bienvenue ! Votre inscription est confirmée.
note-signed-in = Heureux de vous revoir ! Vous êtes connecté.
note-subscribed = Vous êtes maintenant abonné à { $site }.
note-already = Vous êtes déjà abonné à { $site }.
note-expired = Ce lien avait expiré. Si l’adresse peut en recevoir un, un nouveau lien est en route.
note-failed = Cela n’a pas fonctionné. Veuillez réessayer.
note-email-changed = C’est fait ! Votre adresse e-mail a été modifiée.
note-billing-updated = C’est fait ! Vos données de paiement ont été mises à jour.
note-billing-not-updated = Vos données de paiement n’ont pas été mises à jour.
