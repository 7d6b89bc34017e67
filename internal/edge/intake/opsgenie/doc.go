// Package opsgenie speaks the part of Opsgenie's API that sends: alerts are created, acknowledged, noted, closed, listed and
// counted, and heartbeats made and pinged. What worked with api.opsgenie.com works with another host name. The API key is a
// token, and sees the alerts of its own integration.
//
// It is not all of that API: there are no schedules, teams or users, no snoozing and no assigning. Such calls are refused and
// say so. A request is done when it is answered: its id in requests only tells what became of it.
package opsgenie
