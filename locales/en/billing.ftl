# Paying: plans, cards, what the account says about them.

price-month = { $amount } a month
price-year = { $amount } a year

checkout = Choose a plan
    .intro = You pay on a page of Stripe. No card number ever comes to us.
checkout-pays = You have a plan already.
checkout-none = There are no paid plans at the moment.
checkout-choose = Please choose a plan.
checkout-gone = This plan is not offered any more. These are:
checkout-offer-over = This offer is over. These are the plans:
checkout-trial = { $days ->
    [one] { $days } day free
   *[other] { $days } days free
}
checkout-message = Add a message
checkout-donate = Support us
    .text = Once, with an amount that you choose.
    .button = Support
offer-trial = { $days ->
    [one] { $days } day free
   *[other] { $days } days free
}
offer-once = { $amount } off the first payment
offer-months = { $months ->
    [one] { $amount } off for { $months } month
   *[other] { $amount } off for { $months } months
}
offer-forever = { $amount } off, for as long as you stay

plan = Your plan
plan-tier = Plan
plan-next = Next
plan-card = Card
    .none = None
plan-none = You have no paid plan.
plan-comped = You read { $tier } free of charge.
plan-comped-until = You read { $tier } free of charge until { $day }.
plan-renews = { $amount } on { $day }.
plan-trial = Your trial runs until { $day }. Then { $amount }.
plan-ends = Your plan ends on { $day }. Nothing is charged any more.
plan-past-due = The last payment failed. You can read until { $day }; please use another card.
plan-declined = Your card was declined. Nothing has changed.
plan-change = Change the plan
    .look = See what it costs
    .now = Charged now
    .then = From then on
    .text = What you have paid and not used is taken off. A trial or a discount ends.
    .button = Change the plan
plan-keep = Leave everything as it is
plan-resume = Keep the plan after all
plan-cancel = End the plan
    .text = You can read to the end of the time you have paid for: { $day }. Nothing is charged after that.
    .reason = Why?
    .button = End the plan
plan-offer = Would you stay for this?
    .button = Stay with this offer
plan-invoices = Invoices
    .none = There are none yet.
    .open = Open
    .away = They cannot be shown at the moment. Please try again later.
plan-portal = All billing details at Stripe

billing-card = Payment card
    .now = The card that pays ends with { $card }.
    .none = No card is known yet.
    .owed = { $amount } could not be charged. Another card pays it at once.
    .button = Use another card
    .text = You type it on a page of Stripe. No card number ever comes to us.

done-plan = Your plan has been changed.
done-cancelled = Your plan ends with the time you have paid for.
done-plan-resumed = Your plan goes on.
done-offer = The offer is yours. Thank you for staying.

mail-paid-welcome = Thank you! You have { $tier } from now on: { $price }, next on { $day }.
    .subject = Welcome to { $tier }
    .button = Go to { $site }
mail-receipt = { $amount } reached us on { $day }. The receipt is at Stripe.
    .subject = Your payment of { $amount } to { $site }
    .button = Open the receipt
mail-payment-failed = { $amount } for { $tier } could not be charged to the card that ends with { $card }. You can read until { $day }. With another card everything goes on.
    .subject = Your payment to { $site } failed
    .button = Use another card
mail-card-expiring = The card that ends with { $card } is good until { $day }. Please use another one before then, so that nothing is interrupted.
    .subject = Your card at { $site } expires soon
    .button = Use another card
mail-trial-ending = Your trial of { $tier } ends on { $day }. Then { $amount } is charged. If you do not want that, end the plan before.
    .subject = Your trial of { $tier } ends on { $day }
    .button = Look at your plan
mail-cancelled = As you wished, { $tier } ends on { $day }. You can read until then, and nothing is charged any more.
    .subject = { $tier } ends on { $day }
    .button = Change your mind
mail-resumed = { $tier } goes on. The next payment is { $amount } on { $day }.
    .subject = { $tier } goes on
    .button = Look at your plan
mail-ended = { $tier } ({ $price }) ended on { $day }. You can subscribe again at any time.
    .subject = { $tier } has ended
    .button = Subscribe again
mail-trial-refused = This card or this address had a trial at { $site } before, so { $tier } has not begun. Nothing was charged. Without a trial it costs { $price }.
    .subject = Your trial at { $site } has not begun
    .button = Subscribe without a trial
