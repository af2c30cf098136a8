# Fechas, unidades y palabras que aparecen en muchos sitios. { $site } es siempre el nombre del sitio.

month-1 = enero
month-2 = febrero
month-3 = marzo
month-4 = abril
month-5 = mayo
month-6 = junio
month-7 = julio
month-8 = agosto
month-9 = septiembre
month-10 = octubre
month-11 = noviembre
month-12 = diciembre
date = { $day } de { $month } de { $year }
moment = { $date }, { $time } UTC
minutes = { $count ->
    [one] { $count } minuto
   *[other] { $count } minutos
}
hours = { $count ->
    [one] { $count } hora
   *[other] { $count } horas
}
days = { $count ->
    [one] { $count } día
   *[other] { $count } días
}
browser-on = { $browser } en { $system }

back-to-site = Volver a { $site }
signout = Cerrar sesión
    .text = ¿Cerrar la sesión de { $site } en este dispositivo?
signout-everywhere = Cerrar sesión en todos los dispositivos

note-pending = Revise su correo: un enlace está en camino. Funciona en cualquier navegador.
note-signed-up = ¡Bienvenido! Se ha registrado correctamente.
note-signed-in = ¡Bienvenido de nuevo! Ha iniciado sesión.
note-subscribed = Se ha suscrito a { $site }.
note-already = Ya estaba suscrito a { $site }.
note-expired = Ese enlace había caducado. Si la dirección puede recibir uno, un enlace nuevo está en camino.
note-failed = No ha funcionado. Inténtelo de nuevo.
note-email-changed = ¡Hecho! Su dirección de correo se ha cambiado.
note-billing-updated = ¡Listo! Sus datos de pago se han actualizado.
note-billing-not-updated = Sus datos de pago no se han actualizado.
