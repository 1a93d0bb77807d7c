"""The texts of Tencent Cloud's refusals, by their codes."""

TEXTS = {
    "AuthFailure.InvalidAuthorization": "The Authorization header does not follow TC3-HMAC-SHA256.",
    "AuthFailure.SecretIdNotFound": "The SecretId is not found, please ensure that your SecretId is correct.",
    "AuthFailure.SignatureExpire": "The signature has expired. Timestamp and server time cannot differ by more than "
    "five minutes, please ensure your current local time matches the standard time.",
    "AuthFailure.SignatureFailure": "The provided credentials could not be validated. Please check your signature is "
    "correct.",
    "FailedOperation.PhoneNumberInBlacklist": "phone number is in the blacklist",
    "FailedOperation.SignatureIncorrectOrUnapproved": "signature is not approved or its format is incorrect",
    "FailedOperation.TemplateIncorrectOrUnapproved": "template is not approved or does not match the request",
    "InternalError": "An internal error has occurred. Retry your request, but if the problem persists, contact us.",
    "InvalidAction": "The request action is invalid or not found.",
    "InvalidParameter": "The request parameter is incorrect.",
    "InvalidParameterValue.CalledNumberVerifyFail": "the format of the called number is incorrect",
    "InvalidParameterValue.ContentLengthLimit": "the content of the message is too long",
    "InvalidParameterValue.IncorrectPhoneNumber": "incorrect phone number",
    "LimitExceeded.AppDailyLimit": "the number of messages of the day exceeds the upper limit",
    "LimitExceeded.DeliveryFrequencyLimit": "the delivery hits the frequency limit",
    "LimitExceeded.PhoneNumberCountLimit": "the number of phone numbers exceeds 200",
    "LimitExceeded.PhoneNumberDailyLimit": "the number of messages to one number within a day exceeds the upper limit",
    "LimitExceeded.PhoneNumberOneHourLimit": "the number of messages to one number within an hour exceeds the upper "
    "limit",
    "LimitExceeded.PhoneNumberSameContentDailyLimit": "the number of messages with the same content to one number "
    "exceeds the upper limit",
    "LimitExceeded.PhoneNumberThirtySecondLimit": "the number of messages to one number within 30 seconds exceeds the "
    "upper limit",
    "MissingParameter.EmptyPhoneNumberSet": "the list of phone numbers is empty",
    "NoSuchVersion": "The API version does not exist.",
    "RequestLimitExceeded": "Your current request times equals the limit of a second, please try again later.",
    "UnauthorizedOperation.SdkAppIdIsDisabled": "SdkAppId is disabled",
    "UnauthorizedOperation.SdkAppidIsDisabled": "SdkAppid is disabled",
    "UnauthorizedOperation.SmsSdkAppIdVerifyFail": "verification of SmsSdkAppId failed",
    "UnauthorizedOperation.VoiceSdkAppidVerifyFail": "verification of VoiceSdkAppid failed",
    "UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber": "the request has domestic numbers and "
    "international ones",
}
UNKNOWN = "the request was refused"
