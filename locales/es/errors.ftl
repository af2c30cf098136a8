# Páginas sobre lo que ha ido mal. No pueden conocer el nombre del sitio.

error-not-found = Aquí no hay nada
    .text = Puede que la dirección esté mal escrita, o que la página se haya movido.
error-method = Eso no funciona aquí
    .text = Esta dirección no admite ese tipo de petición.
error-foreign-form = Este formulario no pertenece al sitio
    .text = Por su seguridad, los formularios solo funcionan en las páginas del propio sitio. Si es su sitio, añada su origen a READERSHIP_SITE_ORIGINS.
error-not-a-form = Eso no funciona aquí
    .text = Use el formulario de la página. Los programas lo envían como application/x-www-form-urlencoded.
error-too-large = Fue demasiado
    .text = Lo enviado es más grande de lo que este servidor admite.
error-late = Tardó demasiado
    .text = El formulario no llegó a tiempo. Envíelo de nuevo.
error-broken-off = Se interrumpió
    .text = El formulario no llegó entero. Envíelo de nuevo.
error-too-often = Fueron demasiadas veces
    .text = Para proteger las cuentas, esto solo funciona unas cuantas veces por hora. Inténtelo más tarde.
error-signed-out = La sesión está cerrada
    .text = No se ha cambiado nada. Inicie sesión e inténtelo de nuevo.
error-not-fresh = Inicie sesión una vez más
    .text = No se ha cambiado nada. Por su seguridad hace falta una sesión iniciada en los últimos minutos: vuelva atrás y pida un enlace.
error-unsubscribe-link = Este enlace no está completo
    .text = Ábralo otra vez desde el correo, o copie la dirección entera.
error-unexpected = Algo ha ido mal
    .text = Es culpa nuestra y ha quedado anotado. Inténtelo de nuevo en un momento.
error-busy = Un momento, por favor
    .text = El servidor está ocupado. Inténtelo de nuevo en unos segundos.
