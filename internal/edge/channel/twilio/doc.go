// Package twilio is two instances of page.Channel, sms and voice, for Twilio and for any provider with the same interface.
// A message can be answered by SMS, a call by the keys of the telephone; both come back as requests of the provider, which
// are believed only when they are signed with the account's token. Without an address that the provider can reach, people
// acknowledge by the link, and whether something arrived is not known.
package twilio
