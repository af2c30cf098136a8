# Pages about what went wrong. They cannot know the site's name.

error-not-found = There is nothing here
    .text = The address may be mistyped, or the page has moved.
error-method = That does not work here
    .text = This address does not take this kind of request.
error-foreign-form = This form does not belong to the site
    .text = For your safety, forms work only from the site's own pages. If this is your site, add its origin to READERSHIP_SITE_ORIGINS.
error-not-a-form = That does not work here
    .text = Please use the form on the page. Programs send it as application/x-www-form-urlencoded.
error-too-large = That was too much
    .text = What was sent is larger than this server takes.
error-late = That took too long
    .text = The form did not arrive in time. Please send it again.
error-broken-off = That broke off
    .text = The form did not arrive whole. Please send it again.
error-too-often = That was too often
    .text = To keep accounts safe, this works only so many times an hour. Please try again later.
error-signed-out = You are signed out
    .text = Nothing was changed. Please sign in and try again.
error-not-fresh = Please sign in once more
    .text = Nothing was changed. For your safety this takes a sign-in of the last minutes: go back, and ask for a link.
error-unsubscribe-link = This link is not complete
    .text = Please open it from the mail once more, or copy the whole address.
error-unexpected = Something went wrong
    .text = It is our fault, and it has been noted. Please try again in a moment.
error-busy = One moment, please
    .text = The server is busy. Please try again in a few seconds.
