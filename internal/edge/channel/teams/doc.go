// Package teams is a page.Channel that posts pages to rooms of Microsoft Teams by the webhook of a Power Automate workflow,
// as an Adaptive Card. A workflow answers before the card is in the room and brings nothing back: people acknowledge by
// the link, and whether the card arrived is not known.
package teams
