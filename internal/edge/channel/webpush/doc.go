// Package webpush is a page.Channel that sends pages to browsers: on phones, too, without an app and without a vendor's
// account of ours. A person allows it on each device; the device gives an address of its browser's push service and a key,
// to which a message is encrypted (RFC 8291), so that the push service cannot read it. We say who we are with a key of our
// own (VAPID, RFC 8292).
package webpush
