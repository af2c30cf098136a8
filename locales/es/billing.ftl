# Pagar: planes, tarjetas y lo que la cuenta dice de ellos.

price-month = { $amount } al mes
price-year = { $amount } al año

checkout = Elegir un plan
    .intro = Se paga en una página de Stripe. Ningún número de tarjeta llega a nosotros.
checkout-pays = Ya tiene un plan.
checkout-none = Por ahora no hay planes de pago.
checkout-choose = Elija un plan, por favor.
checkout-gone = Este plan ya no se ofrece. Estos son los que hay:
checkout-offer-over = Esta oferta ha terminado. Estos son los planes:
checkout-trial = { $days ->
    [one] { $days } día gratis
   *[other] { $days } días gratis
}
checkout-message = Añadir un mensaje
checkout-donate = Apóyenos
    .text = Una vez, con la cantidad que usted elija.
    .button = Apoyar
offer-trial = { $days ->
    [one] { $days } día gratis
   *[other] { $days } días gratis
}
offer-once = { $amount } menos en el primer pago
offer-months = { $months ->
    [one] { $amount } menos durante { $months } mes
   *[other] { $amount } menos durante { $months } meses
}
offer-forever = { $amount } menos, mientras se quede

plan = Su plan
plan-tier = Plan
plan-next = Próximo
plan-card = Tarjeta
    .none = Ninguna
plan-none = No tiene ningún plan de pago.
plan-comped = Lee { $tier } gratis.
plan-comped-until = Lee { $tier } gratis hasta el { $day }.
plan-renews = { $amount } el { $day }.
plan-trial = Su prueba dura hasta el { $day }. Después, { $amount }.
plan-ends = Su plan termina el { $day }. No se cobra nada más.
plan-past-due = El último pago falló. Puede leer hasta el { $day }; use otra tarjeta, por favor.
plan-declined = Su tarjeta fue rechazada. Nada ha cambiado.
plan-change = Cambiar de plan
    .look = Ver cuánto cuesta
    .now = Se cobra ahora
    .then = A partir de entonces
    .text = Se descuenta lo que ha pagado y no ha usado. Una prueba o un descuento terminan.
    .button = Cambiar de plan
plan-keep = Dejar todo como está
plan-resume = Mantener el plan
plan-cancel = Terminar el plan
    .text = Puede leer hasta el final del tiempo que ha pagado: { $day }. Después no se cobra nada.
    .reason = ¿Por qué?
    .button = Terminar el plan
plan-offer = ¿Se quedaría por esto?
    .button = Quedarse con esta oferta
plan-invoices = Facturas
    .none = Todavía no hay ninguna.
    .open = Abrir
    .away = Ahora mismo no se pueden mostrar. Inténtelo más tarde, por favor.
plan-portal = Todos los datos de pago en Stripe

billing-card = Tarjeta de pago
    .now = La tarjeta que paga termina en { $card }.
    .none = Todavía no se conoce ninguna tarjeta.
    .owed = No se pudieron cobrar { $amount }. Otra tarjeta los paga enseguida.
    .button = Usar otra tarjeta
    .text = La escribe en una página de Stripe. Ningún número de tarjeta llega a nosotros.

done-plan = Su plan se ha cambiado.
done-cancelled = Su plan termina con el tiempo que ha pagado.
done-plan-resumed = Su plan continúa.
done-offer = La oferta es suya. Gracias por quedarse.

mail-paid-welcome = ¡Gracias! Desde ahora tiene { $tier }: { $price }, la próxima vez el { $day }.
    .subject = Le damos la bienvenida a { $tier }
    .button = Ir a { $site }
mail-receipt = Recibimos { $amount } el { $day }. El recibo está en Stripe.
    .subject = Su pago de { $amount } a { $site }
    .button = Abrir el recibo
mail-payment-failed = No se pudieron cobrar { $amount } por { $tier } en la tarjeta que termina en { $card }. Puede leer hasta el { $day }. Con otra tarjeta todo continúa.
    .subject = Su pago a { $site } falló
    .button = Usar otra tarjeta
mail-card-expiring = La tarjeta que termina en { $card } vale hasta el { $day }. Use otra antes, por favor, para que nada se interrumpa.
    .subject = Su tarjeta en { $site } caduca pronto
    .button = Usar otra tarjeta
mail-trial-ending = Su prueba de { $tier } termina el { $day }. Después se cobran { $amount }. Si no lo desea, termine el plan antes.
    .subject = Su prueba de { $tier } termina el { $day }
    .button = Ver su plan
mail-cancelled = Como deseaba, { $tier } termina el { $day }. Hasta entonces puede leer, y no se cobra nada más.
    .subject = { $tier } termina el { $day }
    .button = Cambiar de opinión
mail-resumed = { $tier } continúa. El próximo pago es de { $amount } el { $day }.
    .subject = { $tier } continúa
    .button = Ver su plan
mail-ended = { $tier } ({ $price }) terminó el { $day }. Puede volver a suscribirse cuando quiera.
    .subject = { $tier } ha terminado
    .button = Suscribirse de nuevo
mail-trial-refused = Esta tarjeta o esta dirección ya tuvo una prueba en { $site }, por eso { $tier } no ha empezado. No se cobró nada. Sin prueba cuesta { $price }.
    .subject = Su prueba en { $site } no ha empezado
    .button = Suscribirse sin prueba
