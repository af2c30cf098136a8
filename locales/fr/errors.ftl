# Les pages d’erreur. Elles ne peuvent pas connaître le nom du site.

error-not-found = Il n’y a rien ici
    .text = L’adresse est peut-être mal saisie, ou la page a été déplacée.
error-method = Cela ne fonctionne pas ici
    .text = Cette adresse n’accepte pas ce type de requête.
error-foreign-form = Ce formulaire n’appartient pas au site
    .text = Pour votre sécurité, les formulaires ne fonctionnent que sur les pages du site. Si c’est votre site, ajoutez son origine à READERSHIP_SITE_ORIGINS.
error-not-a-form = Cela ne fonctionne pas ici
    .text = Veuillez utiliser le formulaire de la page. Les programmes l’envoient en application/x-www-form-urlencoded.
error-too-large = C’était trop
    .text = Ce qui a été envoyé dépasse ce que ce serveur accepte.
error-late = Cela a pris trop de temps
    .text = Le formulaire n’est pas arrivé à temps. Veuillez le renvoyer.
error-broken-off = L’envoi s’est interrompu
    .text = Le formulaire n’est pas arrivé en entier. Veuillez le renvoyer.
error-too-often = C’était trop souvent
    .text = Pour protéger les comptes, cela n’est possible qu’un certain nombre de fois par heure. Veuillez réessayer plus tard.
error-signed-out = Vous êtes déconnecté
    .text = Rien n’a été modifié. Veuillez vous connecter et réessayer.
error-not-fresh = Veuillez vous connecter encore une fois
    .text = Rien n’a été modifié. Pour votre sécurité, il faut une connexion datant de quelques minutes : revenez en arrière et demandez un lien.
error-unsubscribe-link = Ce lien est incomplet
    .text = Veuillez l’ouvrir à nouveau depuis l’e-mail, ou copier l’adresse entière.
error-unexpected = Quelque chose s’est mal passé
    .text = C’est notre faute, et cela a été noté. Veuillez réessayer dans un instant.
error-busy = Un instant, s’il vous plaît
    .text = Le serveur est occupé. Veuillez réessayer dans quelques secondes.
