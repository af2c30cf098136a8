# Dejar los boletines con el enlace de un correo.

unsubscribe = Cancelar la suscripción
    .address = Se trata de los correos a { $address }.
    .list = No recibir más { $name }
    .all = No recibir más boletines
    .fewer = ¿Demasiados correos? Pausarlos todos durante 30 días
    .none = A esta dirección no llega ningún boletín.
    .more = Para elegir uno por uno, inicie sesión:
unsubscribe-done = Hecho. Ya no recibirá: { $names }.
unsubscribe-was-done = Hecho. No quedaba nada que cancelar.
unsubscribe-rests = Hecho. Todos los boletines quedan en pausa durante 30 días.
