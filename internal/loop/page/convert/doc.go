// Package convert turns what other on-call systems export into documents of a catalog, with a plan that says what became
// what, what was changed and what has no place, and compares who is on call by the schedules with what the other system
// itself says. It is pure: it reads no network and writes no files, and it is not what Nightkeeper does with the catalog
// afterwards.
//
// An Export has items of kinds, as the other system's API writes them. Each source is one function from an Export to a
// Plan. What a source cannot say in our words is in a note of the plan, never dropped in silence.
package convert
