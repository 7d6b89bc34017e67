// Package discord is a page.Channel that posts pages to rooms of Discord by their webhooks. A webhook takes messages and
// brings nothing back, so people acknowledge by the link.
package discord
