# Correos. Nada en ellos lo ha escrito un desconocido.

mail-copy = Si el botón no funciona, copie esta dirección en su navegador:
mail-code = O escriba este código donde lo pidió:
mail-link-life = El enlace funciona una vez, en un plazo de { $life }.
mail-asked = Se pidió el { $moment }.
mail-asked-with = Se pidió el { $moment } con { $browser }.
mail-ignore = Si no fue usted, ignore este correo: sin el enlace no ocurre nada.
mail-questions = ¿Preguntas? Escriba a { $address }.

mail-signin = Este es su enlace para iniciar sesión en { $site }.
    .subject = Iniciar sesión en { $site }
    .button = Iniciar sesión
mail-signin-code-subject = { $code } es su código para { $site }
mail-signup = Falta un paso para unirse a { $site }: confirme que esta dirección es suya.
    .subject = Confirme su registro en { $site }
    .button = Confirmar el registro
mail-subscribe = Falta un paso para recibir { $site }: confirme su suscripción.
    .subject = Confirme su suscripción a { $site }
    .button = Confirmar la suscripción
mail-new-address = Un miembro de { $site } quiere usar esta dirección de ahora en adelante. Confirme que es suya.
    .subject = Confirme su nueva dirección en { $site }
    .button = Confirmar la dirección
mail-approve-address = Alguien con sesión iniciada en su cuenta de { $site } quiere pasarla a la dirección { $address }. Si es usted, acéptelo aquí; después esa dirección recibirá un correo.
    .subject = ¿Quiere otra dirección en { $site }?
    .button = Aceptar
mail-address-changed = El { $moment } su cuenta de { $site } pasó de esta dirección a { $address }. Si fue usted, no tiene que hacer nada.
    .subject = Su dirección en { $site } ha cambiado
    .button = No fui yo: deshacer
mail-address-changed-until = Se puede deshacer hasta el { $moment }.
mail-address-taken = Alguien quiso usar esta dirección para otra cuenta en { $site }. Ya es suya, así que nada ha cambiado y no tiene que hacer nada.
    .subject = Su dirección en { $site }

mail-welcome = A partir de ahora recibe: { $names }. Cada correo lleva un enlace para dejar de recibirlo, como el de abajo.
    .subject = Le damos la bienvenida a { $site }
    .button = Ir a { $site }
