// Package slo counts good and total events of an objective and decides, from those counts alone, whether its error
// budget burns. The ledger is exact to the event; a burn rate is always a ratio of two counts that can be shown. It
// knows no alerts, no storage and no clock.
package slo
