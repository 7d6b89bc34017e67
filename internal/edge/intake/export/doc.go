// Package export reads from the APIs of other on-call systems what package convert makes a catalog of: the answers as they
// come, page by page, with the waits that a rate limit asks for. It changes nothing there, and it is not how their alerts
// come in.
package export
