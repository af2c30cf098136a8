# الأوقات والوحدات والكلمات التي تتكرر. { $site } هو اسم الموقع دائمًا.

month-1 = يناير
month-2 = فبراير
month-3 = مارس
month-4 = أبريل
month-5 = مايو
month-6 = يونيو
month-7 = يوليو
month-8 = أغسطس
month-9 = سبتمبر
month-10 = أكتوبر
month-11 = نوفمبر
month-12 = ديسمبر
date = { $day } { $month } { $year }
moment = { $date }، { $time } UTC
minutes = { $count ->
    [zero] { $count } دقيقة
    [one] دقيقة واحدة
    [two] دقيقتين
    [few] { $count } دقائق
    [many] { $count } دقيقة
   *[other] { $count } دقيقة
}
hours = { $count ->
    [zero] { $count } ساعة
    [one] ساعة واحدة
    [two] ساعتين
    [few] { $count } ساعات
    [many] { $count } ساعة
   *[other] { $count } ساعة
}
days = { $count ->
    [zero] { $count } يوم
    [one] يوم واحد
    [two] يومين
    [few] { $count } أيام
    [many] { $count } يومًا
   *[other] { $count } يوم
}
browser-on = { $browser } على { $system }

back-to-site = العودة إلى { $site }
signout = تسجيل الخروج
    .text = هل تريد تسجيل الخروج من { $site } على هذا الجهاز؟
signout-everywhere = تسجيل الخروج من جميع الأجهزة

note-pending = تفقّد بريدك: هناك رابط في الطريق إليك. وهو يعمل في أي متصفح.
note-signed-up = أهلًا بك! تم تسجيلك بنجاح.
note-signed-in = مرحبًا بعودتك! لقد سجّلت الدخول بنجاح.
note-subscribed = تم اشتراكك في { $site } بنجاح.
note-already = أنت مشترك في { $site } من قبل.
note-expired = انتهت صلاحية ذلك الرابط. إن كان العنوان يستقبل الروابط فهناك رابط جديد في الطريق.
note-failed = لم ينجح ذلك. يُرجى المحاولة مرة أخرى.
note-email-changed = تم! لقد تغيّر عنوان بريدك الإلكتروني.
note-billing-updated = تم! حُدّثت بيانات الدفع الخاصة بك.
note-billing-not-updated = لم تُحدّث بيانات الدفع الخاصة بك.
