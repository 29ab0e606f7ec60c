//! Why a node sends no chain at all, for somebody who has written that node: what
//! stands behind a status code, a refused connection or a silence. What a chain
//! is, is not known here.

use adit_api::audit::Diagnosis;
use reqwest::StatusCode;

use super::evidence::said;
use crate::peers::fetch::FetchError;

/// Looks for the mistake behind an answer that is none.
pub(super) fn diagnose(error: &FetchError) -> Option<Diagnosis> {
    Some(match error {
        FetchError::Status(StatusCode::NOT_FOUND) => said(
            "Something answers there, but it has no GET /chain.",
            "Look at the port: does your node listen on it, or another program? If it is yours, \
             give its view the tutorial's name: @app.route('/chain', methods=['GET']).",
        ),
        FetchError::Status(StatusCode::METHOD_NOT_ALLOWED) => said(
            "There is /chain, but not for GET.",
            "Let the view take GET: @app.route('/chain', methods=['GET']).",
        ),
        FetchError::Status(status) if status.is_server_error() => said(
            format!("The node's own code failed while it answered ({status})."),
            "Look at the terminal in which it runs: the last line of the traceback says what failed.",
        ),
        FetchError::Status(status) => said(
            format!("GET /chain is answered with {status}, and not with 200."),
            "Answer jsonify({'chain': ..., 'length': ...}), 200, to everybody who asks.",
        ),
        FetchError::Http(error) if error.is_connect() && error.is_timeout() => said(
            "The machine does not take the connection: its address is another one, or a firewall \
             stands before it.",
            "Look at the address. Is it another machine, let the node listen to others too: \
             app.run(host='0.0.0.0', port=5000).",
        ),
        FetchError::Http(error) if error.is_connect() => said(
            "Nothing answers at this address and port.",
            "Is it running? Look at the line that it prints when it starts: it names the port. A \
             node on another machine has to listen to others: app.run(host='0.0.0.0', port=5000).",
        ),
        FetchError::Silent => said(
            "It takes the connection, and then says nothing.",
            "Is it mining? The tutorial's node answers one request at a time: \
             app.run(threaded=True) lets it answer the others meanwhile.",
        ),
        FetchError::Slow | FetchError::Endless(_) => said(
            "It sends its chain too slowly to be read.",
            "Ask it by hand (curl -i its address/chain), and look how long that takes.",
        ),
        FetchError::BrokeOff => said(
            "It hung up in the middle of its answer.",
            "Look at the terminal in which it runs: most likely its code failed while it answered.",
        ),
        _ => return None,
    })
}
