// Package rota answers who is on call, and why: pure functions from a schedule, the overrides of people and a time. It
// knows no storage and no clock, and it does not tell anybody.
//
// Who is on call at an instant t:
//
//  1. A layer is there from its from (default its start) until its until. Its turns begin at its start and follow each
//     other in both directions; turn n is for member n modulo their number. A turn of whole days begins at the local time
//     of start, n turns of days later; a turn of months at the local time and on the day of the month of start, or on the
//     last day of a month that is too short; any other turn is elapsed time.
//  2. A layer with restrictions has somebody only inside one of them. A restriction begins and ends at local times of the
//     layer's zone, on each date of its weekday.
//  3. The last layer that has somebody at t stands; the ones before it do not count at t.
//  4. Overrides stand above layers: the declared ones (the first in the text above the others), and above those the ones
//     that people made (the latest above the others). One with instead replaces that person where that person is on call,
//     and counts for nothing elsewhere; one without replaces everybody.
//
// A schedule in the simple form has the first member on call before its start too. Local times that clocks skip or show
// twice count by the offset before the change: see catalog.Resolve. A turn that clocks skip altogether is nobody's.
package rota
