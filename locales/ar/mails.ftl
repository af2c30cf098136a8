# الرسائل. لا شيء فيها كتبه غريب.

mail-copy = إن لم يعمل الزر فانسخ هذا العنوان إلى متصفحك:
mail-code = أو اكتب هذا الرمز حيث طلبته:
mail-link-life = يعمل الرابط مرة واحدة خلال { $life }.
mail-asked = طُلب في { $moment }.
mail-asked-with = طُلب في { $moment } باستخدام { $browser }.
mail-ignore = إن لم تكن أنت فتجاهل هذه الرسالة: لا يحدث شيء من دون الرابط.
mail-questions = لديك أسئلة؟ اكتب إلى { $address }.

mail-signin = إليك رابط تسجيل الدخول إلى { $site }.
    .subject = تسجيل الدخول إلى { $site }
    .button = تسجيل الدخول
mail-signin-code-subject = { $code } هو رمزك في { $site }
mail-signup = بقيت خطوة للانضمام إلى { $site }: أكّد أن هذا العنوان لك.
    .subject = أكّد تسجيلك في { $site }
    .button = تأكيد التسجيل
mail-subscribe = بقيت خطوة لتصلك رسائل { $site }: أكّد اشتراكك.
    .subject = أكّد اشتراكك في { $site }
    .button = تأكيد الاشتراك
mail-new-address = يريد عضو في { $site } استخدام هذا العنوان من الآن. أكّد أنه لك.
    .subject = أكّد عنوانك الجديد في { $site }
    .button = تأكيد العنوان
mail-approve-address = شخص سجّل الدخول إلى حسابك في { $site } يريد نقله إلى العنوان { $address }. إن كنت أنت فوافق هنا، ثم تصل رسالة إلى ذلك العنوان.
    .subject = هل تريد عنوانًا آخر في { $site }؟
    .button = موافقة
mail-address-changed = في { $moment } انتقل حسابك في { $site } من هذا العنوان إلى { $address }. إن كنت أنت فلا يلزم شيء.
    .subject = تغيّر عنوانك في { $site }
    .button = لست أنا: تراجع
mail-address-changed-until = يمكن التراجع عنه حتى { $moment }.
mail-address-taken = أراد شخص استخدام هذا العنوان لحساب آخر في { $site }. وهو لك من قبل، فلم يتغيّر شيء ولا يلزم شيء.
    .subject = عنوانك في { $site }

mail-welcome = ستصلك من الآن: { $names }. في كل رسالة رابط لإيقافها، مثل الرابط أدناه.
    .subject = أهلًا بك في { $site }
    .button = الذهاب إلى { $site }
