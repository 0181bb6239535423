//! Bodies as clients send them, bodies as nobody should, answers, and the table against the API's definitions.

mod answers;
mod bodies;
mod bytes;
mod facts;
mod writer;
