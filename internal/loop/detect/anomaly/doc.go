// Package anomaly scores how unusual each value of a metric is, as the values come, with a fixed memory of about four
// kilobytes for each series. It looks at four things: a jump from the last few values, a level that left the lately usual,
// swings, and a distance from what is usual at this hour of the week. Each is ranked against its own past, so that no unit,
// step or shape of noise has to be set. It is the same for the same values, and never looks ahead.
//
// A score is evidence, not a reason to page: unlike an SLO that burns, an unusual value may hurt nobody.
package anomaly
