//! Which other origins' pages are allowed. What they may do then is not known here.

use adit_http::AllowedOrigin;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct OriginOptions {
    /// An origin whose pages may do here what everybody may, such as
    /// http://localhost:3000; can be repeated. With `*`, any page that a browser
    /// shows on a machine that reaches this node may hand in transactions and
    /// blocks, make blocks and register nodes. None may do what is the
    /// operator's without the token. `adit dev` allows http://localhost and
    /// all other origins on this machine by itself.
    #[arg(
        long = "allow-origin",
        value_name = "ORIGIN",
        env = "ADIT_ALLOW_ORIGIN",
        value_delimiter = ','
    )]
    pub(crate) allowed_origins: Vec<AllowedOrigin>,
}
