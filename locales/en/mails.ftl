# Mails. Nothing in them was written by a stranger.

mail-copy = If the button does not work, copy this address into your browser:
mail-code = Or type this code where you asked for it:
mail-link-life = The link works once, within { $life }.
mail-asked = It was asked for on { $moment }.
mail-asked-with = It was asked for on { $moment } with { $browser }.
mail-ignore = If this was not you, ignore this mail: without the link nothing happens.
mail-questions = Questions? Write to { $address }.

mail-signin = Here is your link to sign in to { $site }.
    .subject = Sign in to { $site }
    .button = Sign in
mail-signin-code-subject = { $code } is your code for { $site }
mail-signup = One step is left to join { $site }: confirm that this address is yours.
    .subject = Confirm your sign-up at { $site }
    .button = Confirm sign-up
mail-subscribe = One step is left to receive { $site }: confirm your subscription.
    .subject = Confirm your subscription to { $site }
    .button = Confirm subscription
mail-new-address = A member of { $site } wants to use this address from now on. Confirm that it is yours.
    .subject = Confirm your new address at { $site }
    .button = Confirm address
mail-approve-address = Somebody signed in to your account at { $site } wants to move it to the address { $address }. If that is you, agree here; then that address gets a mail.
    .subject = Do you want another address at { $site }?
    .button = Agree
mail-address-changed = On { $moment } your account at { $site } moved from this address to { $address }. If that was you, there is nothing to do.
    .subject = Your address at { $site } has changed
    .button = That was not me: undo it
mail-address-changed-until = It can be undone until { $moment }.
mail-address-taken = Somebody wanted to use this address for another account at { $site }. It is yours already, so nothing has changed and nothing needs to be done.
    .subject = Your address at { $site }

mail-welcome = You receive from now on: { $names }. Every mail has a link to end it, like the one below.
    .subject = Welcome to { $site }
    .button = Go to { $site }
