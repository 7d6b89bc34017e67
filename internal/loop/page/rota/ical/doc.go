// Package ical writes calendars as RFC 5545 has them: pure, from events to bytes. It does not read calendars, and knows
// neither schedules nor where a calendar is served.
package ical
