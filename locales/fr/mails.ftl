# Les e-mails. Rien n’y est écrit par un inconnu.

mail-copy = Si le bouton ne fonctionne pas, copiez cette adresse dans votre navigateur :
mail-code = Ou saisissez ce code là où vous l’avez demandé :
mail-link-life = Le lien fonctionne une fois, dans un délai de { $life }.
mail-asked = Il a été demandé le { $moment }.
mail-asked-with = Il a été demandé le { $moment } avec { $browser }.
mail-ignore = Si ce n’était pas vous, ignorez cet e-mail : sans le lien, il ne se passe rien.
mail-questions = Des questions ? Écrivez à { $address }.

mail-signin = Voici votre lien pour vous connecter à { $site }.
    .subject = Se connecter à { $site }
    .button = Se connecter
mail-signin-code-subject = { $code } est votre code pour { $site }
mail-signup = Encore une étape pour rejoindre { $site } : confirmez que cette adresse est la vôtre.
    .subject = Confirmez votre inscription à { $site }
    .button = Confirmer l’inscription
mail-subscribe = Encore une étape pour recevoir { $site } : confirmez votre abonnement.
    .subject = Confirmez votre abonnement à { $site }
    .button = Confirmer l’abonnement
mail-new-address = Un membre de { $site } souhaite désormais utiliser cette adresse. Confirmez qu’elle est à vous.
    .subject = Confirmez votre nouvelle adresse sur { $site }
    .button = Confirmer l’adresse
mail-approve-address = Une personne connectée à votre compte sur { $site } souhaite passer à l’adresse { $address }. Si c’est vous, acceptez ici ; cette adresse recevra alors un e-mail.
    .subject = Souhaitez-vous une autre adresse sur { $site } ?
    .button = Accepter
mail-address-changed = Le { $moment }, votre compte sur { $site } est passé de cette adresse à { $address }. Si c’était vous, il n’y a rien à faire.
    .subject = Votre adresse sur { $site } a changé
    .button = Ce n’était pas moi : annuler
mail-address-changed-until = Le changement peut être annulé jusqu’au { $moment }.
mail-address-taken = Quelqu’un a voulu utiliser cette adresse pour un autre compte sur { $site }. Elle est déjà la vôtre : rien n’a changé et il n’y a rien à faire.
    .subject = Votre adresse sur { $site }

mail-welcome = Vous recevez désormais : { $names }. Chaque e-mail contient un lien pour y mettre fin, comme celui ci-dessous.
    .subject = Bienvenue sur { $site }
    .button = Aller sur { $site }
