# Payer : formules, cartes, et ce que le compte en dit.

price-month = { $amount } par mois
price-year = { $amount } par an

checkout = Choisir une formule
    .intro = Le paiement se fait sur une page de Stripe. Aucun numéro de carte ne nous parvient.
checkout-pays = Vous avez déjà une formule.
checkout-none = Il n’y a pas de formule payante pour le moment.
checkout-choose = Veuillez choisir une formule.
checkout-gone = Cette formule n’est plus proposée. Voici celles qui le sont :
checkout-offer-over = Cette offre est terminée. Voici les formules :
checkout-trial = { $days ->
    [one] { $days } jour gratuit
   *[other] { $days } jours gratuits
}
checkout-message = Ajouter un message
checkout-donate = Nous soutenir
    .text = Une fois, avec le montant de votre choix.
    .button = Soutenir
offer-trial = { $days ->
    [one] { $days } jour gratuit
   *[other] { $days } jours gratuits
}
offer-once = { $amount } de moins sur le premier paiement
offer-months = { $months ->
    [one] { $amount } de moins pendant { $months } mois
   *[other] { $amount } de moins pendant { $months } mois
}
offer-forever = { $amount } de moins, tant que vous restez

plan = Votre formule
plan-tier = Formule
plan-next = Ensuite
plan-card = Carte
    .none = Aucune
plan-none = Vous n’avez pas de formule payante.
plan-comped = Vous lisez { $tier } gratuitement.
plan-comped-until = Vous lisez { $tier } gratuitement jusqu’au { $day }.
plan-renews = { $amount } le { $day }.
plan-trial = Votre essai dure jusqu’au { $day }. Ensuite { $amount }.
plan-ends = Votre formule se termine le { $day }. Plus rien n’est prélevé.
plan-past-due = Le dernier paiement a échoué. Vous pouvez lire jusqu’au { $day } ; veuillez utiliser une autre carte.
plan-declined = Votre carte a été refusée. Rien n’a changé.
plan-change = Changer de formule
    .look = Voir le prix
    .now = Prélevé maintenant
    .then = Ensuite
    .text = Ce que vous avez payé sans l’utiliser est déduit. Un essai ou une remise prend fin.
    .button = Changer de formule
plan-keep = Tout laisser tel quel
plan-resume = Garder la formule finalement
plan-cancel = Mettre fin à la formule
    .text = Vous pouvez lire jusqu’à la fin de la période payée : { $day }. Plus rien n’est prélevé ensuite.
    .reason = Pourquoi ?
    .button = Mettre fin à la formule
plan-offer = Resteriez-vous pour ceci ?
    .button = Rester avec cette offre
plan-invoices = Factures
    .none = Il n’y en a pas encore.
    .open = Ouvrir
    .away = Elles ne peuvent pas être affichées pour le moment. Veuillez réessayer plus tard.
plan-portal = Toutes les données de paiement chez Stripe

billing-card = Carte de paiement
    .now = La carte qui paie se termine par { $card }.
    .none = Aucune carte n’est encore connue.
    .owed = { $amount } n’ont pas pu être prélevés. Une autre carte les paie aussitôt.
    .button = Utiliser une autre carte
    .text = Vous la saisissez sur une page de Stripe. Aucun numéro de carte ne nous parvient.

done-plan = Votre formule a été changée.
done-cancelled = Votre formule se termine avec la période payée.
done-plan-resumed = Votre formule continue.
done-offer = L’offre est à vous. Merci de rester.

mail-paid-welcome = Merci ! Vous avez désormais { $tier } : { $price }, la prochaine fois le { $day }.
    .subject = Bienvenue dans { $tier }
    .button = Aller sur { $site }
mail-receipt = { $amount } nous sont parvenus le { $day }. Le reçu est chez Stripe.
    .subject = Votre paiement de { $amount } à { $site }
    .button = Ouvrir le reçu
mail-payment-failed = { $amount } pour { $tier } n’ont pas pu être prélevés sur la carte qui se termine par { $card }. Vous pouvez lire jusqu’au { $day }. Avec une autre carte, tout continue.
    .subject = Votre paiement à { $site } a échoué
    .button = Utiliser une autre carte
mail-card-expiring = La carte qui se termine par { $card } est valable jusqu’au { $day }. Veuillez en utiliser une autre avant, pour que rien ne soit interrompu.
    .subject = Votre carte chez { $site } expire bientôt
    .button = Utiliser une autre carte
mail-trial-ending = Votre essai de { $tier } se termine le { $day }. Ensuite { $amount } sont prélevés. Si vous ne le souhaitez pas, mettez fin à la formule avant.
    .subject = Votre essai de { $tier } se termine le { $day }
    .button = Voir votre formule
mail-cancelled = Comme vous le souhaitez, { $tier } se termine le { $day }. Vous pouvez lire jusque-là, et plus rien n’est prélevé.
    .subject = { $tier } se termine le { $day }
    .button = Changer d’avis
mail-resumed = { $tier } continue. Le prochain paiement est de { $amount } le { $day }.
    .subject = { $tier } continue
    .button = Voir votre formule
mail-ended = { $tier } ({ $price }) a pris fin le { $day }. Vous pouvez vous réabonner à tout moment.
    .subject = { $tier } a pris fin
    .button = Se réabonner
mail-trial-refused = Cette carte ou cette adresse a déjà eu un essai chez { $site }, c’est pourquoi { $tier } n’a pas commencé. Rien n’a été prélevé. Sans essai, le prix est { $price }.
    .subject = Votre essai chez { $site } n’a pas commencé
    .button = S’abonner sans essai
