//! Bodies as clients send them, bodies as nobody should, and the table against the API's definitions.

mod bodies;
mod bytes;
mod facts;
mod writer;
