// Package opsgenie speaks the part of Opsgenie's API that is about alerts and heartbeats: alerts are created, acknowledged,
// handled, closed, listed and counted, and heartbeats made and pinged. What worked with api.opsgenie.com works with another host name. The API key is a
// token, and sees the alerts of its own integration.
//
// It is not all of that API: there are no schedules, teams or users, no custom actions and no attachments. Such calls are
// refused and say what there is instead. A request is done when it is answered: its id in requests only tells what became of it.
package opsgenie
