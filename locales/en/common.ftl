# Times, units and words that stand in many places. { $site } is the site's name everywhere.

month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December
date = { $day } { $month } { $year }
moment = { $date }, { $time } UTC
minutes = { $count ->
    [one] { $count } minute
   *[other] { $count } minutes
}
hours = { $count ->
    [one] { $count } hour
   *[other] { $count } hours
}
days = { $count ->
    [one] { $count } day
   *[other] { $count } days
}
browser-on = { $browser } on { $system }

back-to-site = Back to { $site }
signout = Sign out
    .text = Sign out of { $site } on this device?
signout-everywhere = Sign out on all devices

note-pending = Check your mail: a link is on its way. It works in any browser.
note-signed-up = Great! You've successfully signed up.
note-signed-in = Welcome back! You've successfully signed in.
note-subscribed = You've successfully subscribed to { $site }.
note-already = You are subscribed to { $site } already.
note-expired = That link had ended. If the address can receive one, a new link is on its way.
note-failed = That did not work. Please try again.
note-email-changed = Success! Your email address has been changed.
note-billing-updated = Success! Your billing info has been updated.
note-billing-not-updated = Your billing was not updated.
