// Package door is what a request of another system passes before an intake adapter reads it: who sends it, whether it is
// not too much, and that one noisy sender keeps no other waiting.
//
//	secret -> caller -> slot (its own share of all) -> body within the limit -> so many alerts a second -> adapter
//
// It is not authentication: a function says whose secret it is. It knows no wire format; each adapter says no in the words
// of its clients.
package door
