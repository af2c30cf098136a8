# الدفع: الخطط والبطاقات وما يقوله الحساب عنها.

price-month = { $amount } في الشهر
price-year = { $amount } في السنة

checkout = اختر خطة
    .intro = تدفع على صفحة من Stripe. لا يصل إلينا أي رقم بطاقة.
checkout-pays = لديك خطة بالفعل.
checkout-none = لا توجد خطط مدفوعة حاليًا.
checkout-choose = يرجى اختيار خطة.
checkout-gone = لم تعد هذه الخطة متاحة. هذه هي المتاحة:
checkout-offer-over = انتهى هذا العرض. هذه هي الخطط:
checkout-trial = { $days ->
    [one] يوم مجاني واحد
    [two] يومان مجانيان
    [few] { $days } أيام مجانية
   *[other] { $days } يومًا مجانيًا
}
checkout-message = أضف رسالة
checkout-donate = ادعمنا
    .text = مرة واحدة، بالمبلغ الذي تختاره.
    .button = ادعم
offer-trial = { $days ->
    [one] يوم مجاني واحد
    [two] يومان مجانيان
    [few] { $days } أيام مجانية
   *[other] { $days } يومًا مجانيًا
}
offer-once = خصم { $amount } من الدفعة الأولى
offer-months = { $months ->
    [one] خصم { $amount } لمدة شهر
    [two] خصم { $amount } لمدة شهرين
    [few] خصم { $amount } لمدة { $months } أشهر
   *[other] خصم { $amount } لمدة { $months } شهرًا
}
offer-forever = خصم { $amount } ما دمت معنا

plan = خطتك
plan-tier = الخطة
plan-next = التالي
plan-card = البطاقة
    .none = لا توجد
plan-none = ليست لديك خطة مدفوعة.
plan-comped = تقرأ { $tier } مجانًا.
plan-comped-until = تقرأ { $tier } مجانًا حتى { $day }.
plan-renews = { $amount } في { $day }.
plan-trial = تستمر تجربتك حتى { $day }. ثم { $amount }.
plan-ends = تنتهي خطتك في { $day }. لن يُخصم أي مبلغ بعد الآن.
plan-past-due = فشلت الدفعة الأخيرة. يمكنك القراءة حتى { $day }؛ يرجى استخدام بطاقة أخرى.
plan-declined = رُفضت بطاقتك. لم يتغير شيء.
plan-change = تغيير الخطة
    .look = انظر كم تكلف
    .now = يُخصم الآن
    .then = ثم بعد ذلك
    .text = يُطرح ما دفعته ولم تستخدمه. تنتهي التجربة أو الخصم.
    .button = غيّر الخطة
plan-keep = اترك كل شيء كما هو
plan-resume = أبقِ الخطة
plan-cancel = إنهاء الخطة
    .text = يمكنك القراءة حتى نهاية المدة التي دفعت ثمنها: { $day }. لن يُخصم شيء بعدها.
    .reason = لماذا؟
    .button = أنهِ الخطة
plan-offer = هل تبقى مقابل هذا؟
    .button = ابقَ مع هذا العرض
plan-invoices = الفواتير
    .none = لا توجد فواتير بعد.
    .open = افتح
    .away = لا يمكن عرضها الآن. يرجى المحاولة لاحقًا.
plan-portal = كل بيانات الدفع لدى Stripe

billing-card = بطاقة الدفع
    .now = البطاقة التي تدفع تنتهي بـ { $card }.
    .none = لا توجد بطاقة معروفة بعد.
    .owed = تعذّر خصم { $amount }. بطاقة أخرى تدفعها فورًا.
    .button = استخدم بطاقة أخرى
    .text = تكتبها على صفحة من Stripe. لا يصل إلينا أي رقم بطاقة.

done-plan = تم تغيير خطتك.
done-cancelled = تنتهي خطتك بنهاية المدة التي دفعت ثمنها.
done-plan-resumed = تستمر خطتك.
done-offer = العرض لك. شكرًا لبقائك.

mail-paid-welcome = شكرًا! لديك { $tier } من الآن: { $price }، والمرة التالية في { $day }.
    .subject = مرحبًا بك في { $tier }
    .button = إلى { $site }
mail-receipt = وصلنا { $amount } في { $day }. الإيصال لدى Stripe.
    .subject = دفعتك بمبلغ { $amount } إلى { $site }
    .button = افتح الإيصال
mail-payment-failed = تعذّر خصم { $amount } مقابل { $tier } من البطاقة التي تنتهي بـ { $card }. يمكنك القراءة حتى { $day }. ببطاقة أخرى يستمر كل شيء.
    .subject = فشلت دفعتك إلى { $site }
    .button = استخدم بطاقة أخرى
mail-card-expiring = البطاقة التي تنتهي بـ { $card } صالحة حتى { $day }. يرجى استخدام غيرها قبل ذلك حتى لا ينقطع شيء.
    .subject = تنتهي صلاحية بطاقتك في { $site } قريبًا
    .button = استخدم بطاقة أخرى
mail-trial-ending = تنتهي تجربتك لـ { $tier } في { $day }. ثم يُخصم { $amount }. إن لم ترد ذلك فأنهِ الخطة قبله.
    .subject = تنتهي تجربتك لـ { $tier } في { $day }
    .button = انظر إلى خطتك
mail-cancelled = كما أردت، تنتهي { $tier } في { $day }. يمكنك القراءة حتى ذلك الحين، ولن يُخصم شيء بعد الآن.
    .subject = تنتهي { $tier } في { $day }
    .button = غيّر رأيك
mail-resumed = تستمر { $tier }. الدفعة التالية { $amount } في { $day }.
    .subject = تستمر { $tier }
    .button = انظر إلى خطتك
mail-ended = انتهت { $tier } ({ $price }) في { $day }. يمكنك الاشتراك من جديد في أي وقت.
    .subject = انتهت { $tier }
    .button = اشترك من جديد
mail-trial-refused = سبق أن حصلت هذه البطاقة أو هذا العنوان على تجربة في { $site }، لذلك لم تبدأ { $tier }. لم يُخصم شيء. من دون تجربة تكلف { $price }.
    .subject = لم تبدأ تجربتك في { $site }
    .button = اشترك من دون تجربة
